"""Methods on a trunk of timm: what trains, what stays, what is saved, at which rate."""

from pathlib import Path

import pytest
import torch

from meshcil.config.methods.base import BackboneSettings
from meshcil.core.artifacts import load_state, save_state
from meshcil.core.naming import load_object
from meshcil.methods.base.method import Method
from meshcil.models.trunks import frozen_tensors, pretrained_parameters
from meshcil.training.trainer import build_optimizer, train_step
from tests.conformance.runs import TEST, data_of, plain
from tests.methods.factory import DEVICE, build, facts, settings

TRUNK = {"name": "timm", "model": "test_efficientnet", "zoom": 2, "trunk_rate": 0.25}


def method_on(kind: str, levels: tuple[int, ...]) -> Method:
    small = settings(kind, epochs=1, lr=1e-3, weight_decay=0.1, augmentation=plain(build(kind)))
    backbone = BackboneSettings(**TRUNK, frozen=4 if levels else 0, levels=levels, width=8)
    return load_object("meshcil.methods", kind, "Learner")(
        small.model_copy(update={"backbone": backbone}), facts(), DEVICE
    )


@pytest.mark.parametrize(
    ("kind", "levels"), [("inemo", (8, 16)), ("icarl", (32,)), ("der", (32,)), ("memo", (32,)), ("replay", ())]
)
def test_two_steps_leave_the_frozen_part_alone_and_can_be_loaded(
    kind: str, levels: tuple[int, ...], tmp_path: Path
) -> None:
    method = method_on(kind, levels)
    before = [tensor.clone() for tensor in frozen_tensors(method.network)]
    for step in range(2):
        method.begin_step(step)
        train_step(method, data_of(method, step, None), tmp_path / f"checkpoint{step}")
    assert all(map(torch.equal, frozen_tensors(method.network), before))
    save_state(tmp_path / "state", method.state())
    again = type(method)(method.settings, method.facts, DEVICE)
    again.load_state(load_state(tmp_path / "state"))
    images = next(TEST.subset(range(4)).batches(4, DEVICE))
    torch.testing.assert_close(again.predict(images).scores, method.predict(images).scores, atol=1e-5, rtol=1e-5)


def test_the_trunk_has_a_rate_and_a_decay_of_its_own() -> None:
    method = method_on("icarl", (32,))
    method.begin_step(0)
    new, trunk = build_optimizer(method.phases()[0], method).param_groups
    assert (new["weight_decay"], trunk["weight_decay"]) == (0.1, 0.0)
    assert (new["share"], trunk["share"]) == (1.0, 0.25)
    assert {id(p) for p in trunk["params"]} == {id(p) for p in pretrained_parameters(method.network)}
    assert len(new["params"]) + len(trunk["params"]) == len(list(method.network.parameters()))


def test_each_group_trains_at_its_rate(tmp_path: Path) -> None:
    method = method_on("icarl", (32,))
    method.begin_step(0)
    rates: list[tuple[float, float]] = []
    step = torch.optim.Adam.step

    def note(optimizer: torch.optim.Adam, *arguments: object) -> None:
        rates.append(tuple(group["lr"] for group in optimizer.param_groups))
        step(optimizer, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", note)
        rows = train_step(method, data_of(method, 0, None), tmp_path / "checkpoint")
    assert rates and all(trunk == 0.25 * new for new, trunk in rates)
    assert rows[0]["lr"] == rates[-1][0]
