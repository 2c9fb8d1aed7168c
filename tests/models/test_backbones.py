"""Shapes and parameter counts of the backbones."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet50

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.core.naming import load_object
from meshcil.methods.base.method import read_weights
from meshcil.models.neural_mesh import FeatureNetwork


def test_resnet50_has_the_published_size_and_map() -> None:
    backbone = load_object("meshcil.models.backbones", "resnet50", "build")(width=0, depth=0)
    network = FeatureNetwork(backbone, 128)
    # Published count of trunk, decoder and the 256 -> 128 projection (iNeMo).
    assert sum(p.numel() for p in network.parameters()) == 81_356_736
    maps = network.eval()(torch.rand(1, 3, 64, 96))
    assert maps.shape == (1, 128, 8, 12)
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(1, 8, 12), atol=1e-5, rtol=0)


def test_resnet50_starts_from_local_weights(tmp_path: Path) -> None:
    trunk = resnet50(weights=None)
    path = tmp_path / "weights.safetensors"
    save_file(trunk.state_dict(), path)
    backbone = load_object("meshcil.models.backbones", "resnet50", "build")(width=1, depth=1)
    backbone.load_weights(read_weights(path, sha256_file(path)))
    assert torch.equal(backbone.stem[0].weight, trunk.conv1.weight)
    assert torch.equal(backbone.layer4[2].conv3.weight, trunk.layer4[2].conv3.weight)
    # As DINO and torchvision publish them; eight digits of the digest are in torchvision's file names.
    published = tmp_path / "weights.pth"
    torch.save(trunk.state_dict(), published)
    tensors = read_weights(published, sha256_file(published)[:8])
    assert torch.equal(tensors["conv1.weight"], trunk.conv1.weight)
    with pytest.raises(ValueError, match="missing"):
        backbone.load_weights({})


def test_wrong_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    with pytest.raises(InputError, match="does not exist"):
        read_weights(path, None)
    path.write_bytes(b"no tensors here")
    with pytest.raises(InputError, match="has sha256"):
        read_weights(path, "0" * 64)
    with pytest.raises(InputError, match="is not a file of weights"):
        read_weights(path, None)
    for name, content in (("a.pth", {"model": {}}), ("b.pth", [torch.zeros(1)]), ("c.pth", {"a": Path()})):
        torch.save(content, tmp_path / name)
        with pytest.raises(InputError, match=r"more than named tensors|is not a file of weights"):
            read_weights(tmp_path / name, None)
    backbone = load_object("meshcil.models.backbones", "pyramid", "build")(width=4, depth=1)
    with pytest.raises(ValueError, match="no public weights"):
        backbone.load_weights({})
