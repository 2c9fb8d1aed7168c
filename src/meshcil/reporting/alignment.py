"""What alignment changes: scores of the same run with and without it."""

from collections.abc import Sequence

import pandas as pd

from meshcil.config.gates import CONTROL, ORACLE_GATES, RESTRICTED, parse_view
from meshcil.reporting.scores import RUN, overall

PLAIN = "clean"
"""Test set that aligners are judged on."""
METRICS = ("average_incremental_accuracy", "last_accuracy", "forgetting_before_last")
TOGETHER = "all that are not told"
"""In the place of a gate: each host's mean over the gates that are not told the task."""
_PAIR = [*RUN, "seed", "aligner", "gate", "metric"]


def alignment_pairs(scores: pd.DataFrame, metrics: Sequence[str] = METRICS) -> pd.DataFrame:
    """One row per run, aligner, gate and metric of the last step: the value without and with alignment.

    Without alignment every gate leaves the host's own predictions, except the one under which images of old classes may
    only be given old classes: there it is its control, the same without alignment, which is no row of its own.

    Returns:
        The run's names, ``seed, aligner, gate, metric, without, with`` (fractions).
    """
    rows = overall(scores, *metrics)
    views = rows["test_set"].map(parse_view)
    seen = rows[views.notna()]
    names = [view for view in views if view is not None]
    seen = seen.assign(
        set_name=[v.test_set for v in names], aligner=[v.aligner for v in names], gate=[v.gate for v in names]
    )
    seen = seen[seen["set_name"] == PLAIN]
    keys = [*RUN, "seed", "metric"]
    plain = rows[rows["test_set"] == PLAIN].set_index(keys)["value"].rename("without")
    found = seen[seen["gate"] != CONTROL].rename(columns={"value": "with"})[[*_PAIR, "with"]]
    found = found.join(plain, on=keys)
    control = seen[seen["gate"] == CONTROL].set_index([*keys, "aligner"])["value"].rename("control")
    found = found.join(control, on=[*keys, "aligner"])
    found.loc[found["gate"] == RESTRICTED, "without"] = found["control"]
    return found[[*_PAIR, "without", "with"]].reset_index(drop=True)


def told(gate: str) -> str:
    """Whether a gate is told which images are of old classes."""
    return "yes" if gate in ORACLE_GATES else "no"


def answers(table: pd.DataFrame) -> tuple[str, ...]:
    """One sentence per aligner on whether it helps where the task is not told, from an `alignment_answer` table."""
    rows = table[table["gate"] == TOGETHER]
    return tuple(rows["answer"])
