"""Each cell knows the scores that it was made from, and they are those that change it."""

import itertools
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from meshcil.config.experiment import Artifact, load_experiment
from meshcil.config.gates import CONTROL, GATES, ORACLE_GATES, RESTRICTED, View
from meshcil.reporting.kinds import build_table
from meshcil.reporting.scores import COLUMNS, RUN, keep, less, read_scores
from meshcil.reporting.table import SPREAD
from meshcil.reporting.tables.alignment import METRICS
from tests.reporting.conftest import artifact, table_of

ROOT = Path(__file__).parents[2]
Cell = tuple[str, str]
"""Key of a row and heading of a column."""


def origins(kind: str, scores: pd.DataFrame, **options: object) -> dict[Cell, pd.DataFrame]:
    """The scores behind every number."""
    return {cell: scores.loc[list(rows)] for cell, rows in table_of(kind, scores, **options).origins().items()}


def changed_by(table: Artifact, scores: pd.DataFrame) -> dict[Cell, set[int]]:
    """An oracle that knows nothing of how a table is made: the measurements that change a number when they change.

    Halves of all measurements are changed, and halves of those halves that matter. Seeds are one measurement.
    """
    measured = keep(scores, table.select, "t")[list(scores.columns)]
    kinds = [*RUN, "step", "test_set", "task", "class_name", "metric"]
    numbers = measured.groupby(kinds, sort=False, dropna=False).ngroup()
    # Every score by another amount, or a spread over seeds would not notice; accuracies stay between 0 and 1.
    value, draws = measured["value"], np.random.default_rng(0).uniform(0.1, 0.4, len(measured))
    other = (value / 2 + draws).where(value <= 1, value * (1 + draws))

    def cells(members: Sequence[int]) -> pd.Series:
        made = build_table(table, measured.assign(value=measured["value"].mask(numbers.isin(members), other)))
        found = {(key, p.heading): cell for p in made.parts() for key, cell in zip(made.keys, p.cells, strict=True)}
        return pd.to_numeric(pd.Series(found), errors="coerce")

    written = cells([]).dropna()

    def search(members: Sequence[int], wanted: Sequence[Cell]) -> dict[Cell, set[int]]:
        now = cells(members).reindex(written.index)
        matters = [cell for cell in wanted if not np.isclose(now[cell], written[cell], rtol=1e-9, atol=0)]
        if len(members) < 2 or not matters:
            return {cell: set(members) for cell in matters}
        half = len(members) // 2
        first, second = search(members[:half], matters), search(members[half:], matters)
        return {cell: first.get(cell, set()) | second.get(cell, set()) for cell in matters}

    found = search(sorted(set(numbers)), list(written.index))
    return {cell: set(measured.index[numbers.isin(members)]) for cell, members in found.items()}


def assert_oracle_agrees(table: Artifact, scores: pd.DataFrame) -> None:
    found = {cell: set(rows) for cell, rows in build_table(table, scores).origins().items()}
    assert found and found == changed_by(table, scores)


def test_the_scores_behind_a_number_are_those_that_change_it(scores: pd.DataFrame) -> None:
    few = scores[scores["metric"].isin(METRICS) & (scores["method"] != "finetune")]
    assert_oracle_agrees(artifact("comparison"), few.reset_index(drop=True))


def test_so_are_those_of_a_kept_table() -> None:
    scores = read_scores(ROOT / "docs/results/eli-detection-embedded/scores.csv")
    (table,) = load_experiment("eli-detection-embedded", ROOT / "config").tables
    under = scores["test_set"].isin(["plain", "base", CONTROL, RESTRICTED, "pred-gate"])
    few = scores[under & (scores["metric"] == "ap50_old") & (scores["method"] == "detection-primitives")]
    assert_oracle_agrees(table, few)


def test_a_mean_over_seeds_and_its_spread_come_from_each_seed(scores: pd.DataFrame) -> None:
    found = origins("robustness", scores)
    rows = found["inemo", "L2 [%]"].to_dict("records")
    assert [(r["method"], r["seed"], r["test_set"], r["metric"], r["class_name"]) for r in rows] == [
        ("inemo", 0, "L2", "accuracy", ""),
        ("inemo", 1, "L2", "accuracy", ""),
    ]
    assert found["inemo", f"L2 {SPREAD} [%]"].equals(found["inemo", "L2 [%]"])


def test_rows_keep_their_scores_when_they_are_ordered(sweep: pd.DataFrame) -> None:
    found = origins("budget", sweep)
    assert {row for row, _ in found} >= {"icarl/total-24", "icarl/total-48"}
    for (row, _), rows in found.items():
        assert set(rows["budget"]) == {row.partition("/")[2]} and set(rows["method"]) == {row.partition("/")[0]}
        assert rows["metric"].nunique() == 1


def test_what_is_not_measured_comes_from_nothing(scores: pd.DataFrame) -> None:
    found = origins("summary", scores)
    assert ("inemo", "pose pi/6 [%]") in found
    assert not {("finetune", "pose pi/6 [%]"), ("inemo", "label"), ("inemo", "seeds")} & found.keys()


def test_a_difference_comes_from_the_pairs_that_it_is_taken_over(scores: pd.DataFrame) -> None:
    kept = scores[~((scores["method"] == "inemo") & (scores["seed"] == 1))]
    rows = origins("comparison", kept, reference="inemo")["icarl", "change [%]"]
    assert sorted(zip(rows["method"], rows["seed"], strict=True)) == [("icarl", 0), ("inemo", 0)]


def test_the_best_of_a_group_and_the_lead_come_from_the_runs_that_are_compared(sweep: pd.DataFrame) -> None:
    found = origins("contest", sweep, groups={"mesh": ["inemo"], "exemplars": ["icarl", "replay"]})
    columns = {"mesh [%]": {"inemo"}, "exemplars [%]": {"icarl"}, "lead [%]": {"inemo", "icarl"}}
    for column, methods in columns.items():
        rows = found["inemo/total-24", column]
        assert set(rows["method"]) == methods and set(rows["budget"]) == {"total-24"}


def test_a_difference_of_scores_has_the_sources_of_both(scores: pd.DataFrame) -> None:
    rows = keep(scores, {"metric": ["last_accuracy"], "seed": [0]}, "t")
    of = partial(rows.__getitem__)
    found = less(of(rows["method"] == "inemo"), of(rows["method"] == "icarl"), ["seed"])
    (sources,) = found["sources"]
    assert set(scores.loc[list(sources), "method"]) == {"inemo", "icarl"} and list(found.columns) == list(rows.columns)


def aligned_scores(hosts: int = 3, seeds: int = 3) -> pd.DataFrame:
    """Scores of hosts under every gate, all different; with values per class, which no table of gates reads."""
    draws, rows = np.random.default_rng(0), []
    for host, seed in itertools.product(range(hosts), range(seeds)):
        run = {"dataset": "d", "protocol": "p", "method": f"host-{host}", "label": f"Host {host}", "budget": "none"}
        for name in ("clean", *(View("clean", "eli", gate).name for gate in GATES)):
            for metric, part in itertools.product(METRICS, ("", "car", "boat")):
                place = {"seed": seed, "step": 4, "test_set": name, "task": "", "class_name": part, "metric": metric}
                rows.append({**run, **place, "value": draws.uniform(0.2, 0.9), "count": 40})
    return pd.DataFrame(rows, columns=COLUMNS)


def sets(rows: pd.DataFrame) -> set[tuple[str, str]]:
    assert set(rows["class_name"]) == {""}
    return set(zip(rows["method"], rows["test_set"], strict=True))


def test_a_gain_comes_from_the_value_without_and_the_one_with_alignment() -> None:
    every = origins("alignment", aligned_scores())
    row = "host-1/none/eli/pred-gate"
    assert sets(every[row, "last with [%]"]) == {("host-1", "clean:eli:pred-gate")}
    assert sets(every[row, "last gain [%]"]) == {("host-1", "clean"), ("host-1", "clean:eli:pred-gate")}
    assert set(every[row, "last gain [%]"]["metric"]) == {"last_accuracy"}
    assert set(every[row, "last gain [%]"]["seed"]) == {0, 1, 2}
    # The restricted one is compared with its control, not with the host's own.
    oracle = every[f"host-1/none/eli/{RESTRICTED}", "forgetting change [%]"]
    assert sets(oracle) == {("host-1", f"clean:eli:{gate}") for gate in (RESTRICTED, CONTROL)}


def test_an_interval_over_hosts_comes_from_every_run() -> None:
    every = origins("alignment-answer", aligned_scores())
    hosts = [f"host-{i}" for i in range(3)]
    for column in ("gain [%]", "low [%]", "high [%]"):
        assert sets(every["eli/max-conf", column]) == {(h, s) for h in hosts for s in ("clean", "clean:eli:max-conf")}
        told = every[f"eli/{RESTRICTED}", column]
        assert sets(told) == {(h, f"clean:eli:{gate}") for h in hosts for gate in (RESTRICTED, CONTROL)}
    blind = {"clean", *(f"clean:eli:{gate}" for gate in GATES if gate not in ORACLE_GATES)}
    assert sets(every["eli/all that are not told", "low [%]"]) == {(h, s) for h in hosts for s in blind}
    assert ("eli/max-conf", "hosts") not in every
