"""Does alignment help when the task is not told? Gains over hosts, with an interval, and one sentence."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.evaluation.contrast import Interval, interval
from meshcil.reporting.alignment import TOGETHER, alignment_pairs, told
from meshcil.reporting.scores import RUN

_HOST = [name for name in RUN if name != "label"]
"""What tells hosts apart; its seeds are averaged first, as they share data, protocol and method."""
_NAMES = {"last_accuracy": "last accuracy", "average_incremental_accuracy": "average accuracy"}


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "last_accuracy"
    """What is gained."""
    confidence: float = 0.95
    """Of the interval, over hosts (dataset, protocol, method, budget)."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: aligner and gate, and for each aligner all gates that are not told the task.

    Columns: `told the task`, `hosts`, `gain [%]` in percent points over the same without alignment, the ends of
    its interval `low [%]` and `high [%]` (Student's t, hosts as the sample; blank for a single one), and `answer`. A
    host's gain is the mean over its seeds, which are no independent hosts. The last row of an aligner takes each host's
    mean over the gates as well, so that gates do not count as independent either.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of an `alignment_answer` table")
    pairs = alignment_pairs(scores, (settings.metric,))
    pairs["gain"] = 100 * (pairs["with"] - pairs["without"])
    rows = []
    for aligner, part in pairs.groupby("aligner", sort=False):
        for gate, own in part.groupby("gate", sort=False):
            rows.append(_row(str(aligner), str(gate), told(str(gate)), own, settings))
        rows.append(_row(str(aligner), TOGETHER, "no", part[part["gate"].map(told) == "no"], settings))
    columns = ["aligner", "gate", "told the task", "hosts", "gain [%]", "low [%]", "high [%]", "answer"]
    return pd.DataFrame(rows, columns=columns)


def _row(aligner: str, gate: str, knows: str, pairs: pd.DataFrame, settings: Options) -> tuple:
    by_seed = pairs.groupby([*_HOST, "seed"], sort=False)["gain"].mean()
    values = by_seed.groupby(level=_HOST, sort=False).mean().dropna().tolist()
    if not values:
        return aligner, gate, knows, 0, math.nan, math.nan, math.nan, "not measured"
    found = interval(values, settings.confidence)
    gates = "the gates that are not told the task" if gate == TOGETHER else f"the gate {gate}"
    note = " (told the task)" if knows == "yes" else ""
    changed = f"{aligner} changes {_NAMES.get(settings.metric, settings.metric)} by {found.mean:+z.2f} points"
    start = f"{'Averaged over' if gate == TOGETHER else 'Under'} {gates}{note}, {changed}"
    return aligner, gate, knows, found.count, found.mean, found.low, found.high, f"{start} {_end(found, settings)}"


def _end(found: Interval, settings: Options) -> str:
    if math.isnan(found.low):
        return "on one host; a single host decides nothing."
    verdict = "it helps" if found.low > 0 else "it harms" if found.high < 0 else "whether it helps is open"
    if found.low == found.high == 0:
        verdict = "it changes nothing"
    over = f"{settings.confidence:.0%} interval over {found.count} hosts {found.low:+z.2f} to {found.high:+z.2f}"
    return f"({over}): {verdict}."
