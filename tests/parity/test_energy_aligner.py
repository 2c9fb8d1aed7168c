"""ELI's sampler, loss, update and network sizes against values computed by hand."""

import pytest
import torch

from meshcil.aligners.base import LatentPairs
from meshcil.aligners.eli import EnergyNetwork, LatentAligner, ascend
from tests.aligners.factory import settings


def linear() -> LatentAligner:
    """g(z) = 0.2 z1 - 0.1 z2 + 0.3."""
    aligner = LatentAligner(settings(layers=0), 2, 1, 0, torch.device("cpu"))
    for network in (aligner.network, aligner.average):
        network.load_state_dict({"linear.0.weight": torch.tensor([[0.2, -0.1]]), "linear.0.bias": torch.tensor([0.3])})
    return aligner


def test_sampler_climbs_a_linear_energy() -> None:
    sample = ascend(linear().network, torch.tensor([[1.0, 1.0]]), steps=30, step_size=0.1)
    torch.testing.assert_close(sample, torch.tensor([[1.6, 0.7]]))


def test_one_update_of_network_and_average() -> None:
    aligner = linear()
    row = aligner.train_batch(LatentPairs(torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0, 1.0]])))
    assert row is not None and row["loss"] == pytest.approx(0.45, abs=1e-6)
    live, average = aligner.network.linear[0], aligner.average.linear[0]
    torch.testing.assert_close(live.weight.grad, torch.tensor([[1.6, -1.3]]))
    torch.testing.assert_close(live.bias.grad, torch.tensor([0.0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(live.weight.detach(), torch.tensor([[0.199, -0.099]]))
    torch.testing.assert_close(live.bias.detach(), torch.tensor([0.3]))
    torch.testing.assert_close(average.weight, torch.tensor([[0.19989, -0.09989]]))


@pytest.mark.parametrize(
    ("width", "layers", "parameters"),
    [
        (32, 1, 2_177),
        (512, 1, 32_897),
        (64, 2, 8_385),
        (512, 2, 37_057),
        (512, 0, 513),
        (2048, 1, 131_201),
        (2048, 0, 2_049),
    ],
)
def test_network_sizes(width: int, layers: int, parameters: int) -> None:
    assert sum(p.numel() for p in EnergyNetwork(width, layers, 64).parameters()) == parameters
