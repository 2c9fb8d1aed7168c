"""The scores behind a number are found by asking the table."""

import pandas as pd
import pytest

from meshcil.config.experiment import Artifact
from meshcil.core.errors import InputError
from meshcil.reporting.origin import origin, origins
from meshcil.reporting.scores import overall


def artifact(kind: str, **options: object) -> Artifact:
    return Artifact(name="t", kind=kind, caption="c", options=options)


def found(table: Artifact, scores: pd.DataFrame, row: str, column: str) -> tuple[str, list[dict]]:
    name, _, rows = origin(table, scores, row, column, "t.csv")
    return name, rows.to_dict("records")


def test_a_mean_over_seeds_comes_from_each_seed(scores: pd.DataFrame) -> None:
    name, rows = found(artifact("robustness"), scores, "inemo", "L2")
    assert name == "L2 [%]"
    assert [(r["method"], r["seed"], r["test_set"], r["metric"], r["class_name"]) for r in rows] == [
        ("inemo", 0, "L2", "accuracy", ""),
        ("inemo", 1, "L2", "accuracy", ""),
    ]


def test_so_does_its_spread(scores: pd.DataFrame) -> None:
    assert (
        found(artifact("robustness"), scores, "inemo", "L2 std")[1]
        == found(artifact("robustness"), scores, "inemo", "L2")[1]
    )


@pytest.mark.parametrize(
    ("kind", "row", "column", "metric", "step"),
    [
        ("summary", "icarl", "average", "average_incremental_accuracy", 2),
        ("summary", "icarl", "forgetting", "forgetting_before_last", 2),
        ("summary", "inemo", "pose pi/6", "pose_accuracy_pi6", 2),
        ("steps", "inemo", "2 classes", "accuracy", 0),
    ],
)
def test_each_kind_of_table_is_asked(
    scores: pd.DataFrame, kind: str, row: str, column: str, metric: str, step: int
) -> None:
    _, rows = found(artifact(kind), scores, row, column)
    assert {(r["metric"], r["step"], r["seed"]) for r in rows} == {(metric, step, 0), (metric, step, 1)}


def test_rows_of_one_method_are_told_apart(sweep: pd.DataFrame) -> None:
    _, rows = found(artifact("budget"), sweep, "icarl/total-24", "carried")
    assert [(r["budget"], r["metric"], r["test_set"]) for r in rows] == [("total-24", "carry_bytes", "")]


def test_the_order_of_rows_by_their_numbers_does_not_matter(sweep: pd.DataFrame) -> None:
    every = origins(artifact("budget"), sweep, "t.csv")
    assert {row for row, _ in every} >= {"icarl/total-24", "icarl/total-48"}
    for (row, column), rows in every.items():
        assert set(rows["budget"]) == {row.partition("/")[2]} and set(rows["method"]) == {row.partition("/")[0]}
        assert rows["metric"].nunique() == 1
        pd.testing.assert_frame_equal(origin(artifact("budget"), sweep, row, column, "t.csv")[2], rows)


def test_a_number_of_two_measurements_comes_from_both(scores: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(rows: pd.DataFrame, options: dict) -> pd.DataFrame:
        chosen = overall(rows, "accuracy").query("method == 'icarl' and seed == 0 and test_set in ('L1', 'L3')")
        return pd.DataFrame({"method": ["icarl"], "loss [%]": [-100 * chosen["value"].diff().iloc[-1]]})

    monkeypatch.setattr("meshcil.reporting.tables.summary.build", build)
    _, rows = found(artifact("summary"), scores, "icarl", "loss")
    assert {row["test_set"] for row in rows} == {"L1", "L3"}


def test_what_is_not_measured_comes_from_nothing(scores: pd.DataFrame) -> None:
    assert found(artifact("summary"), scores, "finetune", "pose pi/6")[1] == []
    assert found(artifact("summary"), scores, "inemo", "label")[1] == []
    assert found(artifact("summary"), scores, "inemo", "seeds")[1] == []


def test_an_unknown_cell_is_refused(scores: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"t.csv: has no single row `nemo`"):
        origin(artifact("summary"), scores, "nemo", "last", "t.csv")
