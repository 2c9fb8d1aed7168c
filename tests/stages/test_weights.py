"""Weights that a network starts from are read where it starts, and nowhere else."""

from pathlib import Path

import pytest
import torch

from meshcil.core.artifacts import save_state
from meshcil.core.errors import InputError
from meshcil.training.setup import build_method, load_method
from tests.stages.test_chain import resolved

CPU = torch.device("cpu")


def test_a_state_is_loaded_without_the_weights_that_its_network_started_from(data: Path, tmp_path: Path) -> None:
    run, state, weights = resolved("joint"), tmp_path / "state.safetensors", tmp_path / "weights.pth"
    trained = build_method(run, data, CPU)
    trained.begin_step(0)
    save_state(state, trained.state())
    backbone = run.method.backbone.model_copy(update={"weights": str(weights)})
    pretrained = run.model_copy(update={"method": run.method.model_copy(update={"backbone": backbone})})
    with pytest.raises(InputError, match=r"weights\.pth: does not exist"):
        build_method(pretrained, data, CPU)
    loaded = load_method(pretrained, data, state, 0, CPU)
    for name, tensor in trained.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor), name
    # Joint training starts again at each step.
    with pytest.raises(InputError, match=r"weights\.pth: does not exist"):
        loaded.begin_step(1)
