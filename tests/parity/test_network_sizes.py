"""Parameters of the networks that the byte budgets rest on, whole and cut as MEMO cuts them."""

import pytest
from torch import nn

from meshcil.core.naming import load_object
from meshcil.models.chain import cut


def build(name: str, depth: int) -> nn.Module:
    return load_object("meshcil.models.backbones", name, "build")(width=16, depth=depth)


def size(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.parametrize(
    ("name", "depth", "stages", "shared", "specialised"),
    [
        ("convnet", 2, 1, 1_920, 37_056),
        ("convnet", 4, 1, 314_880, 591_360),
        ("cifar-resnet", 14, 1, 42_320, 129_536),
        ("cifar-resnet", 20, 1, 65_552, 203_520),
        ("cifar-resnet", 26, 1, 88_784, 277_504),
        ("cifar-resnet", 32, 1, 112_016, 351_488),
        ("cifar-resnet", 32, 2, 23_824, 439_680),
        ("imagenet-resnet", 10, 1, 1_232_704, 3_673_088),
        ("imagenet-resnet", 18, 1, 2_782_784, 8_393_728),
        ("imagenet-resnet", 18, 2, 683_072, 10_493_440),
        ("imagenet-resnet", 18, 3, 157_504, 11_019_008),
        ("imagenet-resnet", 26, 1, 3_444_032, 10_502_144),
        ("imagenet-resnet", 34, 1, 8_170_304, 13_114_368),
        ("imagenet-resnet", 50, 1, 8_543_296, 14_964_736),
    ],
)
def test_parts(name: str, depth: int, stages: int, shared: int, specialised: int) -> None:
    backbone = build(name, depth)
    assert tuple(size(part) for part in cut(backbone, stages)) == (shared, specialised)
    assert size(backbone) == shared + specialised


def test_cosine_variant() -> None:
    assert size(build("cifar-resnet-cosine", 32)) == 466_256


def test_blocks_of_resnet32() -> None:
    layers = build("cifar-resnet", 32).layers
    assert size(*layers[:3]) == 464
    blocks = [size(layer) for layer in layers[3:]]
    assert blocks == [4_672] * 5 + [13_952] + [18_560] * 4 + [55_552] + [73_984] * 4
    assert [sum(blocks[k : k + 5]) for k in (0, 5, 10)] == [23_360, 88_192, 351_488]


@pytest.mark.parametrize(("name", "depth", "floats"), [("cifar-resnet", 32, 2_272), ("imagenet-resnet", 18, 9_600)])
def test_running_statistics(name: str, depth: int, floats: int) -> None:
    buffers = build(name, depth).named_buffers()
    assert sum(b.numel() for key, b in buffers if not key.endswith("num_batches_tracked")) == floats
