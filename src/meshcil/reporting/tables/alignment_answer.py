"""Does alignment help when the task is not told? Gains over hosts, with an interval, and one sentence."""

import math
from typing import Any

import pandas as pd

from meshcil.evaluation.contrast import Interval, interval
from meshcil.reporting.scores import RUN, SOURCES, joined
from meshcil.reporting.table import Table
from meshcil.reporting.tables.alignment import gains, told

TOGETHER = "all that are not told"
"""In the place of a gate: each host's mean over the gates that are not told the task."""
_HOST = [name for name in RUN if name != "label"]
"""What tells hosts apart; its seeds are averaged first, as they share data, protocol and method."""
_NAMES = ["aligner", "gate", "told the task"]
_VALUES = ["hosts", "gain", "low", "high", "answer"]
_MEASURED = ["gain", "low", "high"]
_METRIC = "last_accuracy"


def build(scores: pd.DataFrame) -> Table:
    """Rows: aligner and gate, and for each aligner all gates that are not told the task.

    Columns: `told the task`, `hosts`, `gain` of the last accuracy in percent points over the same without alignment,
    the ends of its 95 % interval `low` and `high` (Student's t, hosts as the sample; blank for a single one), and
    `answer`. A host's gain is the mean over its seeds, which are not independent hosts. The last row of an aligner
    takes each host's mean over the gates as well, so that gates do not count as independent either.
    """
    found, rows = gains(scores, _METRIC), []
    for aligner, part in found.groupby("aligner", sort=False):
        for gate, own in part.groupby("gate", sort=False):
            rows.append(_row(str(aligner), str(gate), told(str(gate)), own))
        rows.append(_row(str(aligner), TOGETHER, "no", part[part["gate"].map(told) == "no"]))
    table = pd.DataFrame(rows, columns=[*_NAMES, *_VALUES, SOURCES])
    sources = pd.DataFrame(dict.fromkeys(_MEASURED, table[SOURCES]))
    return Table(table[_NAMES], table[_VALUES], dict.fromkeys(_MEASURED, "%"), sources=sources)


def answers(table: Table) -> list[str]:
    """One sentence per aligner on whether it helps where the task is not told."""
    return list(table.values.loc[table.names["gate"] == TOGETHER, "answer"])


def _row(aligner: str, gate: str, knows: str, pairs: pd.DataFrame) -> tuple[Any, ...]:
    by_seed = pairs.groupby([*_HOST, "seed"], sort=False)["value"].mean()
    values = by_seed.groupby(level=_HOST, sort=False).mean().dropna().tolist()
    if not values:
        return aligner, gate, knows, 0, math.nan, math.nan, math.nan, "not measured", ()
    found = interval(values)
    gates = "the gates that are not told the task" if gate == TOGETHER else f"the gate {gate}"
    note = " (told the task)" if knows == "yes" else ""
    changed = f"{aligner} changes last accuracy by {found.mean:+z.2f} points"
    answer = f"{'Averaged over' if gate == TOGETHER else 'Under'} {gates}{note}, {changed} {_end(found)}"
    return aligner, gate, knows, found.count, found.mean, found.low, found.high, answer, joined(pairs[SOURCES].dropna())


def _end(found: Interval) -> str:
    if math.isnan(found.low):
        return "on one host; a single host decides nothing."
    verdict = "it helps" if found.low > 0 else "it harms" if found.high < 0 else "whether it helps is open"
    if found.low == found.high == 0:
        verdict = "it changes nothing"
    over = f"95% interval over {found.count} hosts {found.low:+z.2f} to {found.high:+z.2f}"
    return f"({over}): {verdict}."
