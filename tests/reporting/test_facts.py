"""Facts from records: one value, several values, unknown values, times."""

from typing import Any

import pytest

from meshcil.config.experiment import ExperimentSettings, RunBlock, StudyBlock
from meshcil.lineage.schema import EnvironmentFacts, Record, SourceFacts
from meshcil.reporting.facts import duration, extent, facts, made_by, runtime, span


def record(stage: str, started: str, seconds: float, *, seed: int | None = None, **changes: Any) -> Record:
    source = {"commit": "a" * 40, "dirty": False, "lock_sha256": "b" * 64} | changes
    environment = EnvironmentFacts.model_construct(
        packages_sha256="c" * 64, python="3.11.7", host="desk", platform="Linux", device="cpu", threads=1, cores=2
    )
    times = {"started": f"2026-11-20T{started}.000+00:00", "ended": f"2026-11-20T{started}.900+00:00"}
    facts = {"source": SourceFacts.model_construct(**source), "environment": environment, **times}
    return Record.model_construct(stage=stage, seconds=seconds, seed=seed, **facts)


def by_name(records: list[Record], versions: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    return {fact.name: (fact.value, fact.detail) for fact in facts(records, versions or {})}


def test_one_value_stands_alone() -> None:
    found = by_name(
        [record("train", "10:00:00", 60.0, seed=3), record("study", "10:05:00", 30.5, seed=1)], {"torch": "2"}
    )
    assert found["Commit"] == ("aaaaaaaaaaaa", "")
    assert found["Uncommitted changes"] == ("none", "")
    assert found["Training seeds"] == ("1, 3", "")
    assert found["Measured"] == ("2026-11-20", "10:00:00 to 10:05:00 UTC")
    assert found["Jobs"] == ("2", "1 min 30 s of work in all")
    assert found["Main packages"] == ("torch 2", "")
    assert found["Processor cores"] == ("2", "")


def test_several_values_are_named_and_counted() -> None:
    same = [record("train", f"10:00:0{i}", 1.0) for i in range(2)]
    found = by_name([*same, record("train", "10:00:02", 1.0, commit="d" * 40)])
    assert found["Commit"] == ("aaaaaaaaaaaa, dddddddddddd", "aaaaaaaaaaaa (2 jobs), dddddddddddd (1 job)")
    assert "at commit `aaaaaaaaaaaa`, `dddddddddddd` (" in made_by(
        [*same, record("x", "10:01:00", 1.0, commit="d" * 40)]
    )
    five = [record("train", "10:00:00", 1.0, commit=letter * 40) for letter in "abcde"]
    assert by_name(five)["Commit"][0] == "aaaaaaaaaaaa and 4 more"


def test_an_experiment_says_what_it_consists_of_and_what_it_took() -> None:
    run = RunBlock(datasets=("d",), protocols=("p",), methods=("a", "b"), budgets=("none",), seeds=(0, 1))
    other = run.model_copy(update={"methods": ("a",), "budgets": ("total-24",), "seeds": (0,)})
    words = {"title": "t", "description": "d", "cost": "c"}
    found = extent(ExperimentSettings(runs=(run, other), **words), [record("train", "10:00:00", 90.0)] * 2)
    assert {fact.name: fact.value for fact in found} == {
        "Runs": "5 (2 methods, 2 budgets, 2 seeds)", "Measured cost": "2 jobs, 3 min 00 s of work",
    }  # fmt: skip
    study = ExperimentSettings(studies=(StudyBlock(names=("x", "y"), seeds=(0, 1, 2)),), **words)
    assert [fact.value for fact in extent(study, [])] == ["2 (3 seeds each)"]


def test_the_unknown_is_named() -> None:
    found = by_name([record("table", "10:00:00", 1.0, commit=None, dirty=None, lock_sha256=None)])
    assert found["Commit"][0] == "no git"
    assert (
        found["Uncommitted changes"][0]
        == found["Lock file (sha256)"][0]
        == found["Training seeds"][0]
        == "not recorded"
    )
    assert found["Main packages"][0] == "not recorded"
    assert facts([], {}) == []


def test_run_time_per_stage_in_order_of_first_start() -> None:
    records = [record("score", "10:09:00", 0.25), record("train", "10:00:00", 10.0), record("train", "10:03:00", 20.0)]
    table = runtime(records).texts()
    assert table.to_numpy().tolist() == [
        ["train", "2", "30.0", "15.0", "20.0"],
        ["score", "1", "0.2", "0.2", "0.2"],
    ]
    assert span(records)[0].startswith("2026-11-20T10:00:00")
    assert list(runtime([]).texts().columns) == ["stage", "jobs", "total [s]", "mean [s]", "longest [s]"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.9, "59.9 s"), (59.97, "1 min 00 s"), (3599.6, "1 h 00 min"), (7800.0, "2 h 10 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
