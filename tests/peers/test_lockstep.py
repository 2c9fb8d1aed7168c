"""Losses, weights, exemplars and accuracies that public code has given on the batches of the same run.

`values.json` holds what the other code computed, with its address and commit. How it was driven stands in `lockstep`
and `energy`. Where it was run, no loss differed by more than 1.1e-5 of the largest of its step; another processor
rounds otherwise, hence the tolerances.
"""

import json
from pathlib import Path

import pytest
import torch

from tests.peers import afc, energy, lockstep

VALUES = json.loads((Path(__file__).parent / "values.json").read_text())
KINDS = [kind for kind in VALUES if kind != "energy"]
TOLERANCE = 1e-3
"""Of the largest loss of a step, and of the way of the weights."""


def test_values_name_their_source() -> None:
    assert all(value["source"].startswith("https://") and len(value["commit"]) == 40 for value in VALUES.values())


@pytest.mark.parametrize("kind", KINDS)
def test_method_goes_with_public_code(kind: str, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trace, given = lockstep.follow(kind, tmp_path), VALUES[kind]
    finally:
        torch.set_num_threads(threads)
    for step, losses in enumerate(given["losses"]):
        assert trace.losses[step] == pytest.approx(losses, abs=TOLERANCE * max(losses)), f"losses of step {step}"
    assert trace.moved == pytest.approx(given["moved"], rel=TOLERANCE)
    if given["exemplars"]:
        assert trace.exemplars == given["exemplars"]
    for step, accuracy in enumerate(given["accuracy"]):
        one_image = 100 / (lockstep.TEST * sum(lockstep.STEPS[: step + 1]))
        found = {name: trace.accuracy[step][name] for name in accuracy}
        assert found == pytest.approx(accuracy, abs=one_image + 1e-3)


def test_afc_goes_with_its_formulas(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        peer = afc.Peer()
        trace = lockstep.follow("afc", tmp_path, peer.follow)
        peer.end()
    finally:
        torch.set_num_threads(threads)
    for step, losses in enumerate(peer.losses):
        assert len(losses) >= 10
        assert trace.losses[step] == pytest.approx(losses, abs=TOLERANCE * max(losses)), f"losses of step {step}"
    assert len(peer.apart) >= 30 and max(peer.apart) < TOLERANCE
    for own, other in zip(peer.method.importance, peer.importance[-1], strict=True):
        torch.testing.assert_close(own, other, atol=TOLERANCE, rtol=TOLERANCE)


def test_energy_network_goes_with_public_code() -> None:
    trace, given = energy.follow(), VALUES["energy"]
    assert trace.losses == pytest.approx(given["losses"], abs=1e-5)
    assert trace.moved == pytest.approx(given["moved"], rel=1e-4)
    assert trace.aligned == pytest.approx(given["aligned"], rel=1e-4)
