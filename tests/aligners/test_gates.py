"""Gates: which images are aligned, and who is told the task."""

import pytest
import torch

from meshcil.aligners.base import LatentPairs
from meshcil.aligners.eli import LatentAligner
from meshcil.aligners.gates import apply_gate, fit_energy_rule, fit_learned_rule
from meshcil.config.gates import GATES, ORACLE_GATES
from tests.aligners.factory import CPU, settings

# Classes 0, 1 are old, 2 is new. Image 0 is old and taken for new, image 1 old and taken for old, image 2 new.
PLAIN = torch.tensor([[1.0, 0.0, 2.0], [2.0, 0.0, 1.0], [0.0, 1.0, 5.0]])
ALIGNED = torch.tensor([[9.0, 0.0, 0.0], [0.0, 3.0, 0.0], [4.0, 0.0, 0.0]])
TRUE_OLD = torch.tensor([True, True, False])
FITTED = {
    "energy_says_old": torch.tensor([True, False, False]),
    "learned_says_old": torch.tensor([False, True, False]),
}
NEITHER = {name: says[2:] for name, says in FITTED.items()}


def gated(gate: str) -> list[int]:
    truth = TRUE_OLD if gate in ORACLE_GATES else None
    scores = apply_gate(gate, PLAIN, ALIGNED, old=2, **FITTED, true_old=truth)
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
        ("learned-gate", [2, 1, 2]),
        ("max-conf", [0, 1, 2]),
    ],
)
def test_each_gate_chooses_as_described(gate: str, expected: list[int]) -> None:
    assert gated(gate) == expected


@pytest.mark.parametrize("gate", GATES)
def test_only_the_oracles_may_be_told_the_task(gate: str) -> None:
    truth = None if gate in ORACLE_GATES else TRUE_OLD
    with pytest.raises(ValueError, match="true_old must be given for task-oracle"):
        apply_gate(gate, PLAIN, ALIGNED, old=2, **FITTED, true_old=truth)


def test_restriction_forbids_new_classes_to_old_images_with_and_without_alignment() -> None:
    taken_for_new = torch.tensor([[0.0, 1.0, 9.0]] * 3)
    found = {gate: apply_gate(gate, PLAIN, taken_for_new, old=2, **FITTED, true_old=TRUE_OLD) for gate in ORACLE_GATES}
    answers = {gate: scores.argmax(dim=1).tolist() for gate, scores in found.items()}
    assert answers["task-oracle"] == [2, 2, 2]
    assert answers["task-oracle-restricted"] == [1, 1, 2]
    assert answers["oracle-without-alignment"] == [0, 0, 2]


def test_background_is_neither_old_nor_new() -> None:
    plain = torch.tensor([[1.0, 3.0, 5.0]])
    found = [
        apply_gate(gate, plain, -plain, old=1, **NEITHER, true_old=told, background=True)
        for gate, told in (("oracle-without-alignment", TRUE_OLD[:1]), ("pred-gate", None))
    ]
    assert [scores.argmax(dim=1).item() for scores in found] == [2, 2]


def test_unknown_gate_is_refused() -> None:
    with pytest.raises(ValueError, match="gate must be one of task-oracle"):
        apply_gate("sometimes", PLAIN, ALIGNED, old=2, **FITTED)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_energy_rule_finds_threshold_and_direction(sign: float) -> None:
    old, new = sign * torch.tensor([3.0, 4.0, 5.0]), sign * torch.tensor([0.0, 1.0, 2.0])
    rule = fit_energy_rule(old, new)
    assert rule.old_above == (sign > 0) and sign * rule.threshold == 2.5
    assert rule.says_old(old).all() and not rule.says_old(new).any()


@pytest.mark.parametrize(("old", "new"), [([1.0, 1.0], [1.0]), ([0.0, 1.0], [0.0, 1.0]), ([], [1.0]), ([1.0], [])])
def test_energy_rule_takes_nothing_for_old_where_energy_says_nothing(old: list[float], new: list[float]) -> None:
    rule = fit_energy_rule(torch.tensor(old), torch.tensor(new))
    assert not rule.says_old(torch.tensor([-9.0, 0.0, 0.5, 1.0, 9.0])).any()


def test_training_lowers_g_on_new_images_and_the_gate_opens_for_old_ones() -> None:
    draws = torch.Generator().manual_seed(0)
    new, old = torch.randn(300, 4, generator=draws), torch.randn(60, 4, generator=draws)
    new[:, 1] += 4
    moved = 5 * torch.eye(4)[0]
    aligner = LatentAligner(settings(iterations=100, lr=4e-3, ema=0.9), 4, 1, 0, CPU)
    aligner.fit(LatentPairs(new[:200], new[:200] + moved), draws)
    # The step moved new images' latents, old images' stay near where they were.
    g = {name: aligner.negative_energy(latents) for name, latents in (("new", new[200:] + moved), ("old", old))}
    rule = fit_energy_rule(g["old"][:30], g["new"][:50])
    assert rule.old_above
    assert rule.says_old(g["old"][30:]).float().mean() > 0.9 and rule.says_old(g["new"][50:]).float().mean() < 0.1


def test_learned_rule_is_logistic_regression_on_exemplars_against_new_images() -> None:
    draws = torch.Generator().manual_seed(0)
    new, old = 3 * torch.randn(400, 3, generator=draws), 3 * torch.randn(40, 3, generator=draws)
    new[:, 2] += 9
    rule = fit_learned_rule(old[:20], new[:300])
    assert rule.says_old(old[20:]).float().mean() > 0.8, "few exemplars weigh as much as many new images"
    assert rule.says_old(new[300:]).float().mean() < 0.2
    # In the latents' own unit the rule's gradient is zero: sum over both sides of the weighted residuals, and C = 1.
    latents = torch.cat([old[:20], new[:300]]).double()
    spread = latents.std(dim=0, correction=0)
    inputs = (latents - latents.mean(dim=0)) / spread
    labels, weights = torch.zeros(320).double(), torch.full((320,), 320 / 600).double()
    labels[:20], weights[:20] = 1, 320 / 40
    residual = weights * ((latents @ rule.weight.double() + rule.bias).sigmoid() - labels)
    torch.testing.assert_close(inputs.T @ residual, -rule.weight.double() * spread, atol=2e-2, rtol=0)
    assert abs(float(residual.sum())) < 2e-2


@pytest.mark.parametrize(("old", "new"), [(0, 3), (3, 0), (0, 0)])
def test_learned_rule_takes_nothing_for_old_without_examples(old: int, new: int) -> None:
    assert not fit_learned_rule(torch.ones(old, 2), torch.zeros(new, 2)).says_old(torch.ones(4, 2)).any()
