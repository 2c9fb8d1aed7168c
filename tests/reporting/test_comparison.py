"""Variants side by side: paired differences to the reference, and what the figure marks."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from meshcil.reporting.table import from_texts
from meshcil.reporting.tables import comparison
from tests.reporting.conftest import cells_of, figure_of


def average(scores: pd.DataFrame, method: str) -> np.ndarray:
    rows = scores[(scores["metric"] == "average_incremental_accuracy") & (scores["method"] == method)]
    return 100 * rows.sort_values("seed")["value"].to_numpy()


def test_change_is_the_mean_of_differences_seed_by_seed(scores: pd.DataFrame) -> None:
    table = cells_of("comparison", scores, reference="icarl").set_index("method")
    paired = average(scores, "inemo") - average(scores, "icarl")
    assert table.loc["inemo", "change [%]"] == pytest.approx(paired.mean())
    assert table.loc["inemo", "change std [%]"] == pytest.approx(paired.std(ddof=1))
    assert np.isnan(table.loc["icarl", "change [%]"])
    assert table.loc["icarl", "average [%]"] == pytest.approx(average(scores, "icarl").mean())


def test_the_first_method_is_the_reference_unless_another_is_named(scores: pd.DataFrame) -> None:
    assert cells_of("comparison", scores).equals(cells_of("comparison", scores, reference="inemo"))


def test_a_seed_that_the_reference_lacks_has_no_change(scores: pd.DataFrame) -> None:
    kept = scores[~((scores["method"] == "inemo") & (scores["seed"] == 1))]
    table = cells_of("comparison", kept, reference="inemo").set_index("method")
    expected = average(scores, "icarl")[0] - average(scores, "inemo")[0]
    assert table.loc["icarl", "change [%]"] == pytest.approx(expected)


def test_each_protocol_has_a_reference_of_its_own(scores: pd.DataFrame) -> None:
    other = scores.assign(protocol="3-3", value=scores["value"] / 2)
    table = cells_of("comparison", pd.concat([scores, other]), reference="inemo").set_index(["protocol", "method"])
    first, second = table.loc[("2-2-2", "icarl"), "change [%]"], table.loc[("3-3", "icarl"), "change [%]"]
    assert second == pytest.approx(first / 2)


def test_further_test_sets_get_columns(scores: pd.DataFrame) -> None:
    table = cells_of("comparison", scores, test_sets=["L2"]).set_index("method")
    rows = scores[(scores["metric"] == "accuracy") & (scores["test_set"] == "L2") & (scores["method"] == "inemo")]
    rows = rows[(rows["task"] == "") & (rows["class_name"] == "")]
    assert table.loc["inemo", "last L2 [%]"] == pytest.approx(100 * rows["value"].mean())


def test_lines_mark_the_reference(scores_of: Callable[..., pd.DataFrame]) -> None:
    scores = scores_of(("inemo", "total-96", 0), ("icarl", "total-96", 0))
    axes = figure_of("comparison", scores, reference="icarl").axes[0]
    vertical = sorted({float(line.get_xdata()[0]) for line in axes.lines if line.get_linestyle() == "--"})
    table = cells_of("comparison", scores, reference="icarl").set_index("method")
    assert vertical == pytest.approx(sorted([table.loc["icarl", "average [%]"], table.loc["icarl", "last [%]"]]))


def test_the_axis_is_as_wide_as_the_values(scores: pd.DataFrame) -> None:
    low, high = figure_of("comparison", scores).axes[0].get_xlim()
    table = cells_of("comparison", scores)
    values = table[["average [%]", "last [%]"]]
    assert low % 10 == 0 and values.min().min() - 12 <= low <= values.min().min() - 2
    assert high == 100 or values.max().max() + 2 <= high <= values.max().max() + 12
    assert figure_of("comparison", scores.iloc[:0]).axes[0].get_xlim() == (0, 100)


def test_what_a_comparison_comes_to_is_said_by_intervals_over_seeds() -> None:
    table = pd.DataFrame(
        [
            ("full", "full method", "3", "75.00", "", ""),
            ("bare", "bare", "3", "60.00", "-15.00", "2.00"),
            ("rich", "rich", "3", "78.00", "3.00", "0.50"),
            ("same", "same", "3", "73.00", "-2.00", "1.50"),
            ("once", "once", "1", "10.00", "-65.00", ""),
        ],
        columns=["method", "label", "seeds", "average [%]", "change [%]", "change std [%]"],
    )
    assert comparison.answers(from_texts(table)) == [
        "Worse than the reference, in points of average accuracy: bare (-15.00).",
        "Better than the reference, in points of average accuracy: rich (+3.00).",
        "Not to be told apart from it, in points of average accuracy: same (-2.00), once (-65.00).",
    ]
    assert comparison.answers(from_texts(table.drop(columns="change std [%]"))) == []
    table.insert(2, "protocol", "3-3")
    (line, *_) = comparison.answers(from_texts(table))
    assert "bare (3-3) (-15.00)" in line
