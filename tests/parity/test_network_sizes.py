"""Parameters of the networks that the byte budgets rest on, whole and cut as MEMO cuts them."""

import pytest
from torch import nn

from meshcil.core.naming import load_object
from meshcil.models.chain import blocks, cut


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
    assert [size(block) for block in blocks(build("cifar-resnet", 32))] == [4_672] * 5 + [13_952] + [18_560] * 4 + [
        55_552
    ] + [73_984] * 4


@pytest.mark.parametrize(
    ("name", "depth", "stem", "stages"),
    [
        ("cifar-resnet", 14, 464, (9_344, 32_512, 129_536)),
        ("cifar-resnet", 20, 464, (14_016, 51_072, 203_520)),
        ("cifar-resnet", 26, 464, (18_688, 69_632, 277_504)),
        ("cifar-resnet", 32, 464, (23_360, 88_192, 351_488)),
        ("imagenet-resnet", 18, 9_536, (147_968, 525_568, 2_099_712, 8_393_728)),
    ],
)
def test_stages(name: str, depth: int, stem: int, stages: tuple[int, ...]) -> None:
    backbone = build(name, depth)
    found = blocks(backbone)
    each = len(found) // len(stages)
    assert tuple(size(*found[k : k + each]) for k in range(0, len(found), each)) == stages
    assert size(backbone) == stem + sum(stages)


@pytest.mark.parametrize(("name", "depth", "floats"), [("cifar-resnet", 32, 2_272), ("imagenet-resnet", 18, 9_600)])
def test_running_statistics(name: str, depth: int, floats: int) -> None:
    buffers = build(name, depth).named_buffers()
    assert sum(b.numel() for key, b in buffers if not key.endswith("num_batches_tracked")) == floats
