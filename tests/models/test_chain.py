"""Backbones that are chains: maps, shortcuts, where they can be cut."""

import pytest
import torch

from meshcil.core.naming import load_object
from meshcil.models.backbones.cifar_resnet import SubsampledShortcut
from meshcil.models.chain import blocks, cut, stage_outputs


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


@pytest.mark.parametrize(
    ("name", "depth", "count", "shapes"),
    [
        ("cifar-resnet-cosine", 14, 3, [(8, 32), (16, 16), (32, 8)]),
        ("imagenet-resnet", 18, 4, [(64, 8), (128, 4), (256, 2), (512, 1)]),
        ("resnet10", 1, 2, [(32, 4), (64, 2)]),
    ],
)
def test_stage_outputs_end_with_the_backbone_s_own(
    name: str, depth: int, count: int, shapes: list[tuple[int, int]]
) -> None:
    backbone, images = build(name, 8, depth), torch.rand(2, 3, 32, 32)
    maps = stage_outputs(backbone, images, count)
    assert [(m.shape[1], m.shape[2]) for m in maps] == shapes
    torch.testing.assert_close(maps[-1], backbone(images))
    more = stage_outputs(backbone, images, count, before_last_layer=True)
    assert len(more) == count + 1
    torch.testing.assert_close(backbone.layers[-1](more[-2]), more[-1])
    with pytest.raises(ValueError, match="count must be from 1 to"):
        stage_outputs(backbone, images, 9)


def test_blocks_are_counted_from_the_image() -> None:
    assert len(blocks(build("cifar-resnet", 8, 32))) == 15
    assert len(blocks(build("imagenet-resnet", 8, 18))) == 8
    assert len(blocks(build("resnet10", 8, 1))) == 3


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
