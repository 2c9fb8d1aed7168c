"""Aligners beside a method: which latents they learn from, who reads labels, and what the tables hold."""

from pathlib import Path

import pytest
import torch

from meshcil.config.gates import GATES, ORACLE_GATES, View, parse_view
from meshcil.methods.base.method import Method
from meshcil.training.alignment import build_aligner, fit_aligner, gate_inputs, latent_pairs, latent_width
from tests.aligners.factory import settings
from tests.methods.factory import build, pool


def states(kind: str) -> tuple[Method, Method]:
    """A method after its first step, and after a second one that moved its weights a little."""
    first, second = build(kind), build(kind)
    first.begin_step(0)
    first.consolidate(pool([0, 1]))
    second.load_state(first.state())
    second.consolidate(pool([0, 1]))
    second.begin_step(1)
    with torch.no_grad():
        for parameter in second.network.backbone.parameters():
            parameter.mul_(1.05)
    second.consolidate(pool([0, 1, 2, 3]))
    return first, second


@pytest.mark.parametrize(("kind", "width", "per_image"), [("icarl", 64, 1), ("inemo", 16, 5)])
def test_pairs_are_of_the_same_place_of_the_same_image(kind: str, width: int, per_image: int) -> None:
    previous, _ = states(kind)
    images = pool([2, 3] * 3)
    pairs = latent_pairs(previous, previous, images, 5, torch.Generator().manual_seed(0))
    assert pairs.current.shape == (6 * per_image, latent_width(previous))
    assert torch.equal(pairs.current, pairs.previous)


@pytest.mark.parametrize("kind", ["icarl", "lucir", "aanet", "inemo"])
def test_hosts_are_aligned_in_batches_as_one_by_one(kind: str) -> None:
    previous, current = states(kind)
    aligner, report = fit_aligner(settings(), previous, current, pool([2, 3] * 5), pool([0, 1] * 3))
    assert report.diverged_at is None and aligner.step == 1
    images = pool([0, 1, 2, 3], seed=8)
    together = gate_inputs(current, aligner, images)
    assert together.aligned.shape == (4, 4) and bool(together.aligned.isfinite().all())
    alone = [gate_inputs(current, aligner, images.subset([i])).aligned for i in range(4)]
    torch.testing.assert_close(together.aligned, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_labels_of_test_images_are_not_read() -> None:
    previous, current = states("icarl")
    aligner, _ = fit_aligner(settings(), previous, current, pool([2, 3] * 5), pool([0, 1] * 3))
    images = pool([0, 1, 2, 3], seed=8)
    shuffled = type(images)(images.ids, images.images, images.labels.flip(0), images.poses)
    first, second = gate_inputs(current, aligner, images), gate_inputs(current, aligner, shuffled)
    assert torch.equal(first.aligned, second.aligned) and torch.equal(first.plain, second.plain)


def test_energy_threshold_comes_from_images_that_were_not_learned_from() -> None:
    previous, current = states("icarl")
    images = pool([2, 3] * 10)
    learned: list[int] = []
    fitted = build_aligner(settings(), current, latent_width(current))
    kind = type(fitted)
    original = kind.fit

    def fit(self, pairs, generator, monitor=None):
        learned.append(len(pairs))
        return original(self, pairs, generator, monitor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "fit", fit)
        fit_aligner(settings(threshold_share=0.25), previous, current, images, pool([0, 1]))
    assert learned == [15]


def test_networks_that_grow_cannot_be_aligned() -> None:
    previous, current = states("der")
    with pytest.raises(ValueError, match="previous must have latents of width"):
        fit_aligner(settings(), previous, current, pool([2, 3] * 5), pool([0, 1]))


def test_views_are_named_and_read_back() -> None:
    names = [View("clean", "eli", gate).name for gate in GATES]
    assert [parse_view(name).gate for name in names] == list(GATES)
    assert parse_view("clean") is None and set(ORACLE_GATES) < set(GATES)


def test_same_states_give_the_same_aligner(tmp_path: Path) -> None:
    previous, current = states("icarl")
    both = [fit_aligner(settings(), previous, current, pool([2, 3] * 5), pool([0, 1]))[0] for _ in range(2)]
    tensors = [aligner.tensors().values() for aligner in both]
    assert all(torch.equal(a, b) for a, b in zip(*tensors, strict=True))
