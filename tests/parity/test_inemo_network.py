"""The published network, layer by layer, and its learning rate (iNeMo)."""

import pytest
import torch
from torch import Tensor, nn

from meshcil.config.methods.base import TrainingSettings
from meshcil.core.naming import load_object
from meshcil.models.neural_mesh import FeatureNetwork
from meshcil.training.trainer import learning_rate


def test_shapes_for_an_image_of_640_by_800() -> None:
    found: dict[str, tuple[int, ...]] = {}

    def keep(name: str):
        def hook(_module: nn.Module, _inputs: tuple, output: Tensor) -> None:
            found[name] = tuple(output.shape[1:])

        return hook

    # Shapes follow without any arithmetic.
    with torch.device("meta"):
        network = FeatureNetwork(load_object("meshcil.models.backbones", "resnet50", "build")(width=0, depth=0), 128)
        for name in ("stem", "layer3", "layer4", "reduce", "up1", "up2"):
            getattr(network.backbone, name).register_forward_hook(keep(name))
        output = network(torch.empty(1, 3, 640, 800))
    assert found == {
        "stem": (512, 80, 100),
        "layer3": (1024, 40, 50),
        "layer4": (2048, 20, 25),
        "reduce": (1024, 20, 25),
        "up1": (512, 40, 50),
        "up2": (256, 80, 100),
    }
    assert output.shape == (1, 128, 80, 100)
    assert sum(p.numel() for p in network.parameters()) == 81_356_736


@pytest.mark.parametrize(
    ("milestones", "expected"),
    [
        ((1,), (1e-5, 2e-6, 2e-6, 2e-6, 2e-6)),  # set to a fifth of the first value
        ((10, 20, 30, 40), (1e-5, 1e-5, 2e-6, 2e-6, 1.6e-8)),  # a fifth of the present value
    ],
    ids=["released", "compounded"],
)
def test_learning_rate_at_epochs_0_1_10_11_49(milestones: tuple[int, ...], expected: tuple[float, ...]) -> None:
    settings = TrainingSettings(epochs=50, lr=1e-5, schedule="steps", milestones=milestones, gamma=0.2)
    found = [learning_rate(settings, settings.lr, epoch, 50) for epoch in (0, 1, 10, 11, 49)]
    assert found == pytest.approx(expected, rel=1e-9)
