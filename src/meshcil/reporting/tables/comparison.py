"""Variants of one method: accuracy, forgetting, pose, and how far each is from the reference over the same seeds."""

from dataclasses import replace

import pandas as pd

from meshcil.config.tables.comparison import Options
from meshcil.evaluation.contrast import FAILS, HOLDS, OPEN, interval_of
from meshcil.reporting.scores import SOURCES, clean, joined, last_step, less, overall
from meshcil.reporting.table import Table, assemble, percent

CHANGE = "change"
_VERDICTS = {
    FAILS: "Worse than the reference",
    HOLDS: "Better than the reference",
    OPEN: "Not to be told apart from it",
}
_PAIRED = ["dataset", "protocol", "seed"]


def build(scores: pd.DataFrame, options: Options) -> Table:
    """Rows: runs. Columns in percent, on the clean test set unless they name another.

    `average`, `last`, `forgetting` and `pose pi/6` as in a `summary` table. `change`: average accuracy minus that of
    the reference, seed by seed on the same data; its spread is that of the differences. It is blank for the reference.
    """
    average = percent(clean(scores, "average_incremental_accuracy"))
    columns = {
        "average": average,
        CHANGE: replace(average, rows=_change(average.rows, options.reference or _first(average.rows))),
        "last": percent(clean(scores, "last_accuracy")),
        "forgetting": percent(clean(scores, "forgetting_before_last")),
        "pose pi/6": percent(last_step(clean(scores, "pose_accuracy_pi6"))),
    }
    accuracy = last_step(overall(scores, "accuracy"))
    columns |= {f"last {name}": percent(accuracy[accuracy["test_set"] == name]) for name in options.test_sets}
    return assemble(scores, columns)


def answers(table: Table) -> list[str]:
    """Which variants are worse, better, or cannot be told from the reference: a sentence each.

    A variant is told apart when the 95 % interval of its change over seeds leaves out zero (`docs/claims.md`).

    Args:
        table: as read from its file.
    """
    if CHANGE not in table.spreads:
        return []
    found: dict[str, list[str]] = {verdict: [] for verdict in _VERDICTS}
    several = [name for name in ("dataset", "protocol") if name in table.names]
    for row, names in table.names[table.values[CHANGE] != ""].iterrows():
        change = float(table.values.at[row, CHANGE])
        deviation = float(table.spreads.at[row, CHANGE] or "nan")
        name = " ".join([names["label"], *(f"({names[column]})" for column in several)])
        found[interval_of(change, deviation, int(names["seeds"])).verdict].append(f"{name} ({change:+z.2f})")
    return [
        f"{text}, in points of average accuracy: {', '.join(found[verdict])}."
        for verdict, text in _VERDICTS.items()
        if found[verdict]
    ]


def _first(average: pd.DataFrame) -> str:
    return average["method"].iloc[0] if len(average) else ""


def _change(average: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Values of the other methods minus the reference's of the same data, protocol and seed."""
    own = average["method"] == reference
    chosen = average[own].groupby(_PAIRED).agg(value=("value", "mean"), sources=(SOURCES, joined)).reset_index()
    return less(average[~own], chosen, _PAIRED)
