"""Does alignment help when the task is not told? Gains over runs, with an interval, and one sentence."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.evaluation.contrast import interval
from meshcil.reporting.alignment import TOGETHER, alignment_pairs, told
from meshcil.reporting.scores import RUN


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "last_accuracy"
    """What is gained."""
    confidence: float = 0.95
    """Of the interval, over runs (host, protocol, seed)."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: aligner and gate, and for each aligner all gates that are not told the task.

    Columns: `told the task`, `runs`, `gain [%]` in percent points over the same gate without alignment, the ends of its
    interval `low [%]` and `high [%]` (Student's t, runs as the sample; blank for a single one), and `answer`. The last
    row of an aligner takes each run's mean over the gates, so that gates do not count as independent.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of an `alignment_answer` table")
    pairs = alignment_pairs(scores, (settings.metric,))
    pairs["gain"] = 100 * (pairs["with"] - pairs["without"])
    rows = []
    for aligner, part in pairs.groupby("aligner", sort=False):
        for gate, own in part.groupby("gate", sort=False):
            rows.append(_row(aligner, str(gate), told(str(gate)), own["gain"], settings.confidence))
        blind = part[part["gate"].map(told) == "no"]
        means = blind.groupby([*RUN, "seed"], sort=False)["gain"].mean()
        rows.append(_row(aligner, TOGETHER, "no", means, settings.confidence))
    columns = ["aligner", "gate", "told the task", "runs", "gain [%]", "low [%]", "high [%]", "answer"]
    return pd.DataFrame(rows, columns=columns)


def _row(aligner: object, gate: str, knows: str, gains: pd.Series, confidence: float) -> tuple:
    values = gains.dropna().tolist()
    if not len(values):
        return aligner, gate, knows, 0, math.nan, math.nan, math.nan, "not measured"
    found = interval(values, confidence)
    answer = _sentence(gate, knows, found.mean, found.low, found.high, confidence)
    return aligner, gate, knows, found.count, found.mean, found.low, found.high, answer


def _sentence(gate: str, knows: str, mean: float, low: float, high: float, confidence: float) -> str:
    condition = "Told the task" if knows == "yes" else "Without being told the task"
    which = "the gates that are not told, taken together" if gate == TOGETHER else f"the gate {gate}"
    size = f"{mean:+.2f} points"
    if math.isnan(low):
        return f"{condition}, under {which}: {size} in one run; a single run decides nothing."
    verdict = "alignment helps" if low > 0 else "alignment harms" if high < 0 else "whether alignment helps is open"
    if low == high == 0:
        verdict = "alignment changes nothing"
    return f"{condition}, under {which}: {size} ({confidence:.0%} interval {low:+.2f} to {high:+.2f}); {verdict}."
