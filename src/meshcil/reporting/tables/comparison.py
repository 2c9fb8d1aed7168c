"""Variants of one method: accuracy, forgetting, pose, and how far each is from the reference over the same seeds."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.evaluation.contrast import FAILS, HOLDS, OPEN, interval_of
from meshcil.reporting.layout import assemble, percent, spread
from meshcil.reporting.scores import clean, last_step, overall

CHANGE = "change [%]"
_VERDICTS = {
    FAILS: "Worse than the reference",
    HOLDS: "Better than the reference",
    OPEN: "Not to be told apart from it",
}
_PAIRED = ["dataset", "protocol", "seed"]


class Options(Settings):
    """Settings of this kind of table."""

    reference: str = ""
    """Method that the others are compared with; the first one when empty."""
    test_sets: tuple[str, ...] = ()
    """Further test sets whose accuracy after the last step gets a column."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns in percent, on the clean test set unless they name another.

    `average`, `last`, `forgetting` and `pose pi/6` as in a `summary` table. `change`: average accuracy minus that of
    the reference, seed by seed on the same data; its spread is that of the differences. It is blank for the reference.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `comparison` table")
    average = percent(clean(scores, "average_incremental_accuracy"))
    columns = {
        "average [%]": average,
        CHANGE: _change(average, settings.reference or _first(average)),
        "last [%]": percent(clean(scores, "last_accuracy")),
        "forgetting [%]": percent(clean(scores, "forgetting_before_last")),
        "pose pi/6 [%]": percent(last_step(clean(scores, "pose_accuracy_pi6"))),
    }
    accuracy = percent(last_step(overall(scores, "accuracy")))
    columns |= {f"last {name} [%]": accuracy[accuracy["test_set"] == name] for name in settings.test_sets}
    return assemble(scores, columns)


def answers(table: pd.DataFrame) -> list[str]:
    """Which variants are worse, better, or cannot be told from the reference: a sentence each.

    A variant is told apart when the 95 % interval of its change over seeds leaves out zero (`docs/claims.md`).

    Args:
        table: as text.
    """
    if spread(CHANGE) not in table:
        return []
    found: dict[str, list[str]] = {verdict: [] for verdict in _VERDICTS}
    several = [name for name in ("dataset", "protocol") if name in table]
    for _, row in table[table[CHANGE] != ""].iterrows():
        change = float(row[CHANGE])
        deviation = float(row[spread(CHANGE)] or "nan")
        name = " ".join([row["label"], *(f"({row[column]})" for column in several)])
        found[interval_of(change, deviation, int(row["seeds"])).verdict].append(f"{name} ({change:+z.2f})")
    return [
        f"{text}, in points of average accuracy: {', '.join(found[verdict])}."
        for verdict, text in _VERDICTS.items()
        if found[verdict]
    ]


def _first(average: pd.DataFrame) -> str:
    return average["method"].iloc[0] if len(average) else ""


def _change(average: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Values of the other methods minus the reference's of the same data, protocol and seed."""
    chosen = average[average["method"] == reference].groupby(_PAIRED)["value"].mean().rename("reference")
    others = average[average["method"] != reference].merge(chosen.reset_index(), on=_PAIRED, how="inner")
    return others.assign(value=others["value"] - others["reference"])
