"""The cosine classifier: growth, imprinting, what trains."""

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from meshcil.models.cosine_head import CosineHead, cluster_centres


def head() -> CosineHead:
    cosine = CosineHead(3, 1.0)
    cosine.grow(2, torch.Generator().manual_seed(0))
    cosine.grow(4, torch.Generator().manual_seed(1))
    return cosine


def test_logits_do_not_depend_on_norms() -> None:
    cosine = head()
    features = torch.randn(5, 3, generator=torch.Generator().manual_seed(2))
    expected = normalize(features) @ normalize(torch.cat([cosine.frozen, cosine.weight])).T
    torch.testing.assert_close(cosine(7 * features), cosine.scale * expected)
    with torch.no_grad():
        cosine.scale.fill_(3.0)
    torch.testing.assert_close(cosine(features), 3 * expected)


def test_old_rows_get_no_gradient() -> None:
    cosine = head()
    cross_entropy(cosine(torch.randn(6, 3)), torch.tensor([0, 1, 2, 3, 0, 1])).backward()
    assert cosine.frozen.grad is None
    assert bool(cosine.weight.grad.any()) and cosine.scale.grad != 0


def test_imprinted_rows_point_at_their_class_with_the_norm_of_old_ones() -> None:
    cosine = head()
    features = torch.tensor([[2.0, 0, 0], [0, 5.0, 0], [0, 0, 1.0]])
    cosine.imprint(features, torch.tensor([2, 2, 3]))
    norm = cosine.frozen.norm(dim=1).mean()
    expected = normalize(torch.tensor([[1.0, 1.0, 0], [0, 0, 1.0]])) * norm
    torch.testing.assert_close(cosine.weight.detach(), expected.detach())


def test_proxies_of_a_class_start_at_its_clusters() -> None:
    cosine = CosineHead(2, 1.0, proxies=2)
    cosine.grow(1, torch.Generator().manual_seed(0))
    cosine.grow(2, torch.Generator().manual_seed(1))
    assert (cosine.classes, len(cosine.frozen), len(cosine.weight)) == (2, 2, 2)
    features = torch.tensor([[1.0, 0.01], [1.0, -0.01], [0.01, 2.0], [-0.01, 2.0]])
    cosine.imprint(features, torch.ones(4, dtype=torch.int64))
    rows = normalize(cosine.weight.detach())
    torch.testing.assert_close(rows[rows[:, 0].argsort()], torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert cosine(features).shape == (4, 2)


@pytest.mark.parametrize(("points", "count", "expected"), [(1, 3, 3), (3, 3, 3), (9, 3, 3), (9, 1, 1)])
def test_there_are_as_many_centres_as_asked_for(points: int, count: int, expected: int) -> None:
    drawn = torch.randn(points, 4, generator=torch.Generator().manual_seed(0))
    centres = cluster_centres(drawn, count)
    assert centres.shape == (expected, 4) and bool(centres.isfinite().all())
    torch.testing.assert_close(cluster_centres(drawn, 1)[0], drawn.mean(0))
    with pytest.raises(ValueError, match="at least one point"):
        cluster_centres(drawn[:0], count)


def test_rows_are_never_taken_away() -> None:
    with pytest.raises(ValueError, match="classes must be at least the 4"):
        head().grow(3, None)
