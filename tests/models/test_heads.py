"""Growing heads, nearest-mean classification, pose bins."""

import math

import pytest
import torch

from meshcil.models.heads import GrowingLinear, class_means, nearest_mean_scores
from meshcil.models.pose_bins import BinLayout, PoseBinHead


def test_growth_keeps_old_rows() -> None:
    head = GrowingLinear(4)
    head.grow(3, torch.Generator().manual_seed(0))
    old = head.weight.detach().clone()
    head.grow(5, torch.Generator().manual_seed(1))
    assert head.classes == 5
    assert torch.equal(head.weight[:3], old)
    assert bool(head.weight[3:].any())
    with pytest.raises(ValueError, match="classes must be at least the 5"):
        head.grow(2, None)


def test_nearest_mean_parity() -> None:
    # Exemplars c0 {(1,0),(.8,.6)}, c1 {(0,1),(-.6,.8)}, c2 {(-1,-1)}; four queries (independently computed).
    features = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8], [-1, -1]], dtype=torch.float64)
    means = class_means(features, torch.tensor([0, 0, 1, 1, 2]), 3)
    expected = torch.tensor([[0.948683, 0.316228], [-0.316228, 0.948683], [-0.707107, -0.707107]], dtype=torch.float64)
    torch.testing.assert_close(means, expected, atol=1e-6, rtol=0)
    queries = torch.tensor([[2, 1], [0.2, 0.9], [-3, -1], [3, 4]], dtype=torch.float64)
    scores = nearest_mean_scores(queries, means)
    assert scores.argmax(1).tolist() == [0, 1, 2, 0]
    torch.testing.assert_close(-scores[0], torch.tensor([0.020101, 1.717157, 3.897367]).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(-scores[3], torch.tensor([0.355616, 0.86158, 3.979899]).double(), atol=1e-5, rtol=0)


LAYOUT = BinLayout(12, 6, 4, (-0.25, 0.75), (-0.4, 0.4))


def test_bins_are_circular_in_azimuth_and_round_trip() -> None:
    poses = torch.tensor([[0.0, 0.0, 0.0], [2 * math.pi - 0.1, 0.0, 0.0], [-0.1, 0.0, 0.0], [math.pi, 2.0, -2.0]])
    bins = LAYOUT.encode(poses)
    assert bins[:3, 0].tolist() == [0, 0, 0]
    assert bins[3].tolist() == [6, 5, 0]
    decoded = LAYOUT.decode(bins)
    assert torch.equal(LAYOUT.encode(decoded), bins)
    assert float((decoded[3, 0] - math.pi).abs()) < 1e-5


@pytest.mark.parametrize("shared", [False, True])
def test_pose_head_learns_the_bins_of_the_true_class(shared: bool) -> None:
    head = PoseBinHead(8, LAYOUT, shared=shared)
    head.grow(2, torch.Generator().manual_seed(0))
    assert len(head.linear.weight) == (1 if shared else 2) * LAYOUT.total
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(16, 8, generator=generator)
    labels = torch.arange(16) % 2
    poses = (torch.rand(16, 3, generator=generator) - 0.5) * torch.tensor([6.0, 0.9, 0.7])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    first = head.loss(features, labels, poses).item()
    for _ in range(200):
        loss = head.loss(features, labels, poses)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 * first
    assert torch.equal(LAYOUT.encode(head.predict(features, labels)), LAYOUT.encode(poses))
    assert torch.equal(head.predict(features, labels), head.predict(features, 1 - labels)) == shared
