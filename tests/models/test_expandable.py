"""Networks that grow a part per step, weight aligning."""

import pytest
import torch
from torch import nn

from meshcil.models.backbones.cifar_resnet import CifarResNet
from meshcil.models.chain import cut
from meshcil.models.expandable import ExpandableBackbone, widen
from meshcil.models.heads import GrowingLinear, align_new_rows

IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def expandable(freeze_shared: bool) -> ExpandableBackbone:
    whole = CifarResNet(4, 8)
    shared, part = cut(whole, 1)
    return ExpandableBackbone(shared, part, stride=whole.stride, channels=whole.channels, freeze_shared=freeze_shared)


def test_a_new_part_begins_as_a_copy_of_the_newest() -> None:
    backbone = expandable(False)
    backbone.train()(IMAGES)
    backbone.expand()
    maps = backbone.eval()(IMAGES)
    assert maps.shape == (4, backbone.channels, 4, 4) == (4, 32, 4, 4)
    assert torch.equal(maps[:, :16], maps[:, 16:])


@pytest.mark.parametrize("freeze_shared", [False, True])
def test_only_the_newest_part_trains(freeze_shared: bool) -> None:
    backbone = expandable(freeze_shared)
    backbone.expand()
    backbone.expand()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    backbone.train()
    trainable = [p for p in backbone.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=0.1, weight_decay=0.1)
    backbone(IMAGES).square().mean().backward()
    optimizer.step()
    changed = {name for name, tensor in backbone.state_dict().items() if not torch.equal(tensor, before[name])}
    expected = ("parts.2.",) if freeze_shared else ("parts.2.", "shared.")
    assert changed and all(name.startswith(expected) for name in changed)
    assert {name for name, _ in backbone.named_parameters() if name.startswith(expected)} <= changed
    assert any("running_mean" in name for name in changed)


def test_widening_keeps_old_columns() -> None:
    head = GrowingLinear(3)
    head.grow(2, torch.Generator().manual_seed(0))
    old = head.weight.detach().clone()
    widen(head, 6, torch.Generator().manual_seed(1))
    head.grow(5, torch.Generator().manual_seed(2))
    assert head.weight.shape == (5, 6)
    assert torch.equal(head.weight[:2, :3], old)
    assert bool((head.weight != 0).all())
    assert bool((head.weight[:, 3:].abs() <= (3 / 6) ** 0.5).all())
    with pytest.raises(ValueError, match="dim must be at least the 6 columns"):
        widen(head, 5, None)


@pytest.mark.parametrize("old", [0, 3])
def test_aligning_needs_old_and_new_rows(old: int) -> None:
    with pytest.raises(ValueError, match="old must be from 1 to 2"):
        align_new_rows(nn.Parameter(torch.ones(3, 2)), old)
