"""Backbones that are chains: maps, shortcuts, where they can be cut."""

import pytest
import torch

from meshcil.core.naming import load_object
from meshcil.models.backbones.cifar_resnet import SubsampledShortcut
from meshcil.models.chain import cut


def build(name: str, width: int, depth: int) -> torch.nn.Module:
    return load_object("meshcil.models.backbones", name, "build")(width=width, depth=depth).eval()


@pytest.mark.parametrize(
    ("name", "depth", "stride", "channels"),
    [
        ("cifar-resnet", 14, 4, 32),
        ("cifar-resnet-cosine", 14, 4, 32),
        ("imagenet-resnet", 18, 32, 512),
        ("convnet", 2, 4, 64),
        ("convnet", 4, 32, 512),
        ("resnet10", 1, 16, 64),
    ],
)
def test_a_cut_chain_computes_what_the_whole_one_does(name: str, depth: int, stride: int, channels: int) -> None:
    backbone = build(name, 8, depth)
    images = torch.rand(2, 3, 64, 32)
    whole = backbone(images)
    assert whole.shape == (2, channels, 64 // stride, 32 // stride)
    assert (backbone.stride, backbone.channels) == (stride, channels)
    first, second = cut(backbone, 1)
    torch.testing.assert_close(second(first(images)), whole)
    assert first(images).shape[2] > whole.shape[2]


def test_chains_end() -> None:
    backbone = build("cifar-resnet", 8, 14)
    assert len(cut(backbone, 2)[1]) == 4
    with pytest.raises(ValueError, match="stages must be from 1 to 2 for CifarResNet, got 3"):
        cut(backbone, 3)
    with pytest.raises(ValueError, match="PyramidBackbone is not a chain"):
        cut(build("pyramid", 8, 1), 1)


def test_shortcut_takes_every_second_pixel_and_appends_zeros() -> None:
    x = torch.arange(32.0).reshape(1, 2, 4, 4)
    y = SubsampledShortcut()(x)
    assert y[0, 0].tolist() == [[0.0, 2.0], [8.0, 10.0]]
    assert y.shape == (1, 4, 2, 2)
    assert not y[0, 2:].any()


def test_cosine_features_have_both_signs() -> None:
    images = torch.randn(4, 3, 32, 32)
    assert build("cifar-resnet-cosine", 8, 14)(images).min() < 0
    assert build("cifar-resnet", 8, 14)(images).min() >= 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cifar-resnet", r"another 6n \+ 2, got 15"),
        ("imagenet-resnet", "depth must be one of 10, 18"),
        ("convnet", "depth must be 2 or 4"),
    ],
)
def test_depths_that_do_not_exist(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(name, 8, 15)
