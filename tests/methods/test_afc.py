"""AFC's importance: every image that the step trained on counts alike."""

import pytest
import torch
from torch import Tensor

from meshcil.methods import afc
from meshcil.methods.base.images import ImagePool
from tests.conformance.runs import join
from tests.methods.factory import build, pool


def importance(new: ImagePool, exemplars: ImagePool | None = None) -> list[Tensor]:
    """Weights after the second step, which begins with the exemplars."""
    method = build("afc")
    method.begin_step(0)
    if exemplars is not None:
        method.consolidate(exemplars)
    method.begin_step(1)
    method.finish_step(new)
    return method.importance


def test_it_does_not_depend_on_the_size_of_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    images = pool([2, 3, 3] * 4 + [2])
    expected = importance(images)
    for size in (1, 4, 12):
        monkeypatch.setattr(afc, "_BATCH", size)
        torch.testing.assert_close(importance(images), expected, rtol=1e-4, atol=1e-5)


def test_it_is_the_mean_over_images_of_the_squared_gradient_of_each_one_s_loss() -> None:
    images = pool([2, 3, 3, 2, 3])
    method = build("afc")
    for step in range(2):
        method.begin_step(step)
    method.finish_step(images)
    squares = []
    for image in images.split(1):
        maps = method.stages(method.network.backbone, next(image.batches(1, method.device)))
        loss = method.nca(maps[-1].mean(dim=(2, 3)), image.labels.to(method.device))
        squares.append([g.square().sum(dim=(2, 3))[0] for g in torch.autograd.grad(loss, maps)])
    means = [torch.stack(output).mean(dim=0) for output in zip(*squares, strict=True)]
    expected = [mean / mean.mean() for mean in means]
    torch.testing.assert_close(method.importance, expected, rtol=1e-4, atol=1e-5)


def test_exemplars_count_like_new_images() -> None:
    new, exemplars = pool([2, 3] * 4), pool([0, 1] * 2, seed=1)
    both = importance(new, exemplars)
    torch.testing.assert_close(both, importance(join(new, exemplars)), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(both[-1], importance(new)[-1], rtol=1e-2)
