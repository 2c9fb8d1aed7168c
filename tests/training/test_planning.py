"""Bytes known before training: ledgers of every method, quotas, budgets that are too small."""

from pathlib import Path

import pytest

from meshcil.config.run import RunConfig, RunKey
from meshcil.core.errors import InputError
from meshcil.memory.ledger import Ledger
from meshcil.stages.resolve import resolve_run
from meshcil.training.planning import check_bytes, exemplar_size, ledgers_of, planned_ledgers, quota
from tests.methods.factory import CONFIG, build, facts

NOWHERE = Path("data/prepared/nowhere")


def run(method: str, budget: str, protocol: str = "2-2-2-2-2") -> RunConfig:
    resolved = resolve_run(
        RunKey(dataset="digits", protocol=protocol, method=method, budget="total-10", seed=0), CONFIG
    )
    return resolved.model_copy(update={"key": resolved.key.model_copy(update={"budget": budget})})


@pytest.mark.parametrize("method", ["replay-digits", "der-digits", "memo-digits"])
def test_the_smallest_budget_that_is_named_works_and_one_byte_less_does_not(method: str) -> None:
    for kind in ("bytes", "paper-bytes"):
        with pytest.raises(InputError, match="too small") as caught:
            check_bytes(run(method, f"{kind}-1000"), NOWHERE)
        smallest = int(caught.value.remedy.split("-")[-1].split()[0])
        check_bytes(run(method, f"{kind}-{smallest}"), NOWHERE)
        with pytest.raises(InputError, match=f"{kind}-{smallest} or more"):
            check_bytes(run(method, f"{kind}-{smallest - 1}"), NOWHERE)
        resolved = run(method, f"{kind}-{smallest}")
        assert [quota(resolved, step, held) >= 1 for step, held in enumerate(ledgers_of(resolved))] == [True] * 5


def test_a_budget_in_bytes_is_kept_after_every_step_and_used_but_for_a_rest() -> None:
    resolved = run("memo-digits", "bytes-500000")
    size = exemplar_size(resolved, "carry")
    assert size == 3 * 8 * 8 + 1
    for step, held in enumerate(ledgers_of(resolved)):
        classes = 2 * step + 2
        used = held.total("carry") + classes * quota(resolved, step, held) * size
        assert used <= 500_000 < used + classes * size


def test_memo_s_own_counting_is_met_at_the_end_and_gives_as_many_exemplars_before() -> None:
    """MEMO's table for CIFAR-100, ten steps of ten: 7431, 3312 and 2000 exemplars under one budget."""
    for method, exemplars in (
        ("replay-cifar", 7431),
        ("memo-cifar", 3312),
        ("memo-2-cifar", 2279),
        ("der-cifar", 2000),
    ):
        resolved = cifar(method, "paper-bytes-24684160")
        quotas = [quota(resolved, step, Ledger()) for step in range(10)]
        assert quotas == [exemplars // (10 * step + 10) for step in range(10)], method


def cifar(method: str, budget: str) -> RunConfig:
    key = RunKey(dataset="cifar100", protocol="b0-10", method=method, budget="total-2000", seed=0)
    resolved = resolve_run(key, CONFIG)
    return resolved.model_copy(update={"key": resolved.key.model_copy(update={"budget": budget})})


def test_other_budgets_need_no_check() -> None:
    check_bytes(run("replay-digits", "total-10"), NOWHERE)


def test_mesh_models_are_planned_with_their_vertices() -> None:
    method = build("inemo", facts((2, 2)))
    first, last = planned_ledgers(method)
    features = [row.bytes for ledger in (first, last) for row in ledger.rows if row.name == "vertex features"]
    assert features[1] > 1.5 * features[0] > 0
    assert last.total("deploy") > first.total("deploy")
