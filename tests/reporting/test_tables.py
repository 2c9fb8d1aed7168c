"""Tables: values from scores, blanks, spreads, names of rows and columns."""

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from meshcil.core.errors import InputError
from meshcil.core.naming import available
from meshcil.evaluation.scoring import score_predictions
from meshcil.reporting.scores import keep, read_scores
from meshcil.reporting.table import Table, from_texts
from tests.reporting.conftest import cells_of, table_of

KINDS = available("meshcil.reporting.tables")
OVER_RUNS = {"alignment-answer"}
"""Kinds whose rows are no runs."""


def test_the_kinds_of_the_report_are_there() -> None:
    assert set(KINDS) >= {"steps", "summary", "robustness", "budget", "memory", "classes"}


def test_steps_are_named_by_classes_seen_and_in_percent(scores: pd.DataFrame) -> None:
    table = cells_of("steps", scores)
    assert list(table.columns[:6]) == ["method", "label", "budget", "seeds", "2 classes [%]", "2 classes std [%]"]
    rows = scores[(scores["metric"] == "accuracy") & (scores["task"] == "") & (scores["class_name"] == "")]
    rows = rows[(rows["method"] == "icarl") & (rows["step"] == 1)]
    cell = table.set_index("method").loc["icarl"]
    assert cell["4 classes [%]"] == pytest.approx(100 * rows["value"].mean())
    assert cell["4 classes std [%]"] == pytest.approx(100 * rows["value"].std())


def test_each_seed_may_have_its_own_order_of_classes(scores: pd.DataFrame) -> None:
    second = scores["class_name"].where(
        (scores["seed"] == 0) | (scores["class_name"] == ""), "x" + scores["class_name"]
    )
    assert cells_of("steps", scores.assign(class_name=second)).equals(cells_of("steps", scores))


def test_what_rounds_to_nothing_has_no_sign() -> None:
    values = pd.DataFrame({"change": [-0.004, -0.006], "carried": [-1e-9, 2.0]})
    written = Table(pd.DataFrame({"method": ["a", "b"]}), values, {"change": "%", "carried": "MiB"}).texts()
    assert written["change [%]"].tolist() == ["0.00", "-0.01"]
    assert written["carried [MiB]"].tolist() == ["0.000", "2.000"]


def test_one_seed_has_no_spread(sweep: pd.DataFrame) -> None:
    assert not [name for name in cells_of("steps", sweep).columns if " std" in name]


def test_summary_of_scores_of_real_predictions(tmp_path: Path) -> None:
    """2 of 2 images right, then 3 of 4: average 87.50, forgetting 50.00."""
    answers = [(0, "a", "a"), (0, "b", "b"), (1, "a", "c"), (1, "b", "b"), (1, "c", "c"), (1, "d", "d")]
    unknown = dict.fromkeys(["true_azimuth", "true_elevation", "true_theta", "azimuth", "pose_error"], math.nan)
    rows = [
        {"step": s, "test_set": "clean", "sample_id": t, "true_class": t, "predicted_class": p, **unknown}
        for s, t, p in answers
    ]
    run = {"dataset": "d", "protocol": "p", "method": "m", "label": "M", "budget": "none", "seed": 0}
    scores = score_predictions(pd.DataFrame(rows), [["a", "b"], ["c", "d"]]).assign(**run)
    scores.to_csv(tmp_path / "scores.csv", index=False)
    row = table_of("summary", read_scores(tmp_path / "scores.csv")).texts().iloc[0]
    assert row["average [%]"] == "87.50"
    assert row["last [%]"] == "75.00"
    assert row["forgetting [%]"] == "50.00"
    assert row["pose pi/6 [%]"] == ""


def test_a_single_step_has_no_forgetting(scores_of: Callable[..., pd.DataFrame]) -> None:
    table = cells_of("summary", scores_of(("inemo", "none", 0, 1)))
    assert math.isnan(table.loc[0, "forgetting [%]"])


def test_robustness_leaves_what_was_not_measured_blank(scores: pd.DataFrame) -> None:
    table = table_of("robustness", scores, metric="pose_accuracy_pi6", test_sets=["clean", "L3", "snow"]).texts()
    cells = table.set_index("method")
    assert cells.loc["finetune", "clean [%]"] == ""
    assert cells.loc["inemo", "snow [%]"] == ""
    assert float(cells.loc["inemo", "L3 [%]"]) > 0
    assert list(cells.columns[cells.columns.str.startswith("L")]) == ["L3 [%]", "L3 std [%]"]


def test_budget_rises_within_each_method(sweep: pd.DataFrame) -> None:
    table = cells_of("budget", sweep)
    assert list(table["budget"]) == ["total-24", "total-48", "total-96"] * 2
    assert list(table["exemplars"]) == [24, 48, 96] * 2
    assert table_of("budget", sweep).texts().loc[0, "carried [MiB]"] == f"{(3.3e6 + 24 * 27648) / 2**20:.3f}"


def test_memory_is_whole_bytes_per_step(scores: pd.DataFrame) -> None:
    table = table_of("memory", scores).texts()
    assert list(table["step"][:3]) == ["0", "1", "2"]
    assert table.loc[0, "paper [bytes]"] == str(3_000_000 + 96 * 27648)


def test_mechanisms_are_shown_where_they_were_checked(scores: pd.DataFrame) -> None:
    checked = scores[(scores["metric"] == "exemplars") & (scores["method"] == "inemo")]
    checked = checked.assign(metric="bank in own region", value=0.25)
    table = table_of("mechanisms", pd.concat([scores, checked], ignore_index=True))
    assert list(table.values.columns) == ["bank in own region"]
    assert set(table.names["method"]) == {"inemo"} and set(table.values["bank in own region"]) == {0.25}


def test_classes_of_the_last_step(scores: pd.DataFrame) -> None:
    table = table_of("classes", scores)
    assert list(table.values.columns) == ["aeroplane", "bicycle", "boat", "bottle", "bus", "car"]
    assert list(table.spreads.columns) == list(table.values.columns)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_refuses_unknown_options_and_accepts_no_rows(kind: str, scores: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="colour"):
        table_of(kind, scores, colour="red")
    empty = table_of(kind, scores.iloc[:0])
    assert len(empty.names) == 0
    assert empty.csv().startswith("aligner,gate" if kind in OVER_RUNS else "method,label,budget")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OVER_RUNS])
def test_the_first_column_names_the_row(kind: str, scores: pd.DataFrame) -> None:
    table = table_of(kind, scores)
    assert table.names.columns[0] == "method"
    *_, last = table.parts()
    assert table.find_column(last.heading, "t.csv") is not None
    for position, key in enumerate(table.keys):
        assert key.startswith(table.names.at[position, "method"])
        assert table.find_row(key, "t.csv") == position


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_was_written_is_read_back(kind: str, scores: pd.DataFrame) -> None:
    table = table_of(kind, scores)
    read = from_texts(table.texts())
    assert read.csv() == table.csv() and read.keys == table.keys
    assert [part[1:4] for part in read.parts()] == [part[1:4] for part in table.parts()]


def test_a_name_may_end_like_a_part() -> None:
    texts = pd.DataFrame([["m", "1", "2", "3"]], columns=["method", "gold std [%]", "gold std std [%]", "std"])
    read = from_texts(texts)
    assert list(read.values.columns) == ["gold std", "std"] and list(read.spreads.columns) == ["gold std"]
    assert read.texts().equals(texts)


def test_cells_are_found_by_short_names(scores: pd.DataFrame, sweep: pd.DataFrame) -> None:
    robust, sizes = table_of("robustness", scores), table_of("budget", sweep)
    assert (robust.find_row("icarl", "t.csv"), robust.find_column("L2", "t.csv").heading) == (1, "L2 [%]")
    assert (sizes.find_row("icarl/total-48", "t.csv"), sizes.find_column("last", "t.csv").heading) == (4, "last [%]")
    with pytest.raises(InputError, match="inemo/total-24"):
        sizes.find_row("inemo", "t.csv")
    with pytest.raises(InputError, match=r"L2 \[%\]"):
        robust.find_column("L9", "t.csv")


def test_selection_keeps_rows_and_refuses_unknown_columns(sweep: pd.DataFrame) -> None:
    kept = keep(sweep, {"budget": ("total-24",), "seed": (0,)}, "t")
    assert set(kept["budget"]) == {"total-24"}
    with pytest.raises(InputError, match="colour"):
        keep(sweep, {"colour": ("red",)}, "t")


def test_datasets_and_protocols_stand_in_the_table_only_when_they_differ(scores: pd.DataFrame) -> None:
    both = pd.concat([scores, scores.assign(protocol="6")])
    assert "protocol" not in cells_of("summary", scores).columns
    assert "protocol" in cells_of("summary", both).columns
    assert "dataset" not in cells_of("summary", both).columns


def test_scores_come_back_from_a_file(scores: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    scores.to_csv(path, index=False)
    assert table_of("summary", read_scores(path)).csv() == table_of("summary", scores).csv()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\0\x01"])
def test_unreadable_scores_are_one_message(text: str, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"scores\.csv"):
        read_scores(path)
    with pytest.raises(InputError, match="does not exist"):
        read_scores(tmp_path / "absent.csv")


def test_a_text_in_place_of_a_number_is_one_message(scores: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    scores.astype({"value": object}).assign(value="high").to_csv(path, index=False)
    with pytest.raises(InputError, match="number"):
        read_scores(path)
