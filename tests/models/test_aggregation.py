"""Two branches: sizes, what trains, and how they are mixed."""

import pytest
import torch

from meshcil.models.aggregation import AggregatedBackbone
from meshcil.models.backbones.cifar_resnet import CifarResNet
from meshcil.models.backbones.pyramid import build as build_pyramid


def doubled(width: int = 4, depth: int = 8, mixing: float = 0.5) -> AggregatedBackbone:
    backbone = AggregatedBackbone(CifarResNet(width, depth, cosine=True), mixing)
    backbone.add_stable_branch()
    return backbone


def count(module: torch.nn.Module, *, trained: bool = False) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trained)


def test_resnet_32_has_the_published_number_of_parameters() -> None:
    backbone = doubled(16, 32)
    assert count(backbone.plastic) == 466_256
    assert count(backbone.stable) == 520_064
    assert count(backbone) - len(backbone.mixing) == 986_320
    assert count(backbone.stable, trained=True) == 56_272


@pytest.mark.parametrize("mixing", [0.0, 0.3, 1.0])
def test_doubling_changes_no_output_at_first(mixing: float) -> None:
    backbone = AggregatedBackbone(CifarResNet(4, 8, cosine=True), mixing).eval()
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    alone = backbone(images)
    backbone.add_stable_branch()
    torch.testing.assert_close(backbone.eval()(images), alone)


def test_shares_weigh_the_branches_and_get_gradients() -> None:
    backbone = doubled().eval()
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in backbone.stable.parameters():
            parameter.mul_(1.1)
    backbone(images).sum().backward()
    assert bool(backbone.mixing.grad.ne(0).all())


def test_only_chains_can_be_doubled() -> None:
    with pytest.raises(ValueError, match="not a chain of layers"):
        AggregatedBackbone(build_pyramid(4, 1), 0.5)
