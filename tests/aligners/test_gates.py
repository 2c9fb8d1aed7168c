"""Gates: which images are aligned, and who is told the task."""

import pytest
import torch

from meshcil.aligners.gates import apply_gate, fit_threshold
from meshcil.config.gates import GATES, ORACLE_GATES

# Classes 0, 1 are old, 2 is new. Image 0 is old and taken for new, image 1 old and taken for old, image 2 new.
PLAIN = torch.tensor([[1.0, 0.0, 2.0], [2.0, 0.0, 1.0], [0.0, 1.0, 5.0]])
ALIGNED = torch.tensor([[9.0, 0.0, 0.0], [0.0, 3.0, 0.0], [4.0, 0.0, 0.0]])
TRUE_OLD = torch.tensor([True, True, False])
G = torch.tensor([-1.0, 1.0, 2.0])


def gated(gate: str) -> list[int]:
    truth = TRUE_OLD if gate in ORACLE_GATES else None
    scores = apply_gate(gate, PLAIN, ALIGNED, old=2, negative_energy=G, threshold=0.0, true_old=truth)
    return scores.argmax(dim=1).tolist()


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ("task-oracle", [0, 1, 2]),
        ("task-oracle-restricted", [0, 1, 2]),
        ("oracle-without-alignment", [0, 0, 2]),
        ("align-all", [0, 1, 0]),
        ("pred-gate", [2, 1, 2]),
        ("energy-gate", [0, 0, 2]),
        ("max-conf", [0, 1, 2]),
    ],
)
def test_each_gate_chooses_as_described(gate: str, expected: list[int]) -> None:
    assert gated(gate) == expected


@pytest.mark.parametrize("gate", GATES)
def test_only_the_oracles_may_be_told_the_task(gate: str) -> None:
    truth = None if gate in ORACLE_GATES else TRUE_OLD
    with pytest.raises(ValueError, match="true_old must be given for task-oracle"):
        apply_gate(gate, PLAIN, ALIGNED, old=2, negative_energy=G, threshold=0.0, true_old=truth)


def test_restriction_forbids_new_classes_to_old_images_with_and_without_alignment() -> None:
    taken_for_new = torch.tensor([[0.0, 1.0, 9.0]] * 3)
    found = {
        gate: apply_gate(gate, PLAIN, taken_for_new, old=2, negative_energy=G, threshold=0.0, true_old=TRUE_OLD)
        for gate in ORACLE_GATES
    }
    answers = {gate: scores.argmax(dim=1).tolist() for gate, scores in found.items()}
    assert answers["task-oracle"] == [2, 2, 2]
    assert answers["task-oracle-restricted"] == [1, 1, 2]
    assert answers["oracle-without-alignment"] == [0, 0, 2]


def test_background_is_neither_old_nor_new() -> None:
    plain = torch.tensor([[1.0, 3.0, 5.0]])
    found = [
        apply_gate(gate, plain, -plain, old=1, negative_energy=G[:1], threshold=0.0, true_old=told, background=True)
        for gate, told in (("oracle-without-alignment", TRUE_OLD[:1]), ("pred-gate", None))
    ]
    assert [scores.argmax(dim=1).item() for scores in found] == [2, 2]


def test_unknown_gate_is_refused() -> None:
    with pytest.raises(ValueError, match="gate must be one of task-oracle"):
        apply_gate("sometimes", PLAIN, ALIGNED, old=2, negative_energy=G, threshold=0.0)


def test_threshold_separates_what_can_be_separated() -> None:
    threshold = fit_threshold(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([3.0, 4.0]))
    assert 2.0 < threshold < 3.0


@pytest.mark.parametrize(("old", "new"), [([3.0, 4.0], [0.0, 1.0]), ([1.0, 1.0], [1.0]), ([], [1.0]), ([1.0], [])])
def test_threshold_lets_nothing_pass_where_energy_says_nothing(old: list[float], new: list[float]) -> None:
    assert fit_threshold(torch.tensor(old), torch.tensor(new)) == float("-inf")
