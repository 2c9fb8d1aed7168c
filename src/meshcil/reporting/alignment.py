"""What alignment changes: scores of the same run with and without it."""

import pandas as pd

from meshcil.config.gates import CONTROL, ORACLE_GATES, RESTRICTED, parse_view
from meshcil.reporting.scores import RUN, SOURCES, less, overall

PLAIN = "clean"
"""Test set that aligners are judged on."""
METRICS = ("average_incremental_accuracy", "last_accuracy", "forgetting_before_last")
PAIR = [*RUN, "seed", "metric", "aligner", "gate"]
_MEASURED = ["value", SOURCES]


def aligned_and_plain(scores: pd.DataFrame, *metrics: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values with alignment, and those of the same runs without.

    Without alignment every gate leaves the host's own predictions, except the one under which images of old classes may
    only be given old classes: there it is its control, the same without alignment, which is no row of its own.

    Returns:
        Twice one row per run, aligner, gate and metric of the last step: `PAIR`, ``value`` (fraction), `SOURCES`.
    """
    rows = overall(scores, *metrics)
    views = rows["test_set"].map(parse_view)
    names = [view for view in views if view is not None]
    seen = rows[views.notna()].assign(
        set_name=[v.test_set for v in names], aligner=[v.aligner for v in names], gate=[v.gate for v in names]
    )
    seen = seen[seen["set_name"] == PLAIN]
    aligned, control = seen[seen["gate"] != CONTROL][[*PAIR, *_MEASURED]], seen[seen["gate"] == CONTROL]
    plain = rows[rows["test_set"] == PLAIN][[*PAIR[:-2], *_MEASURED]]
    host = aligned[aligned["gate"] != RESTRICTED][PAIR].merge(plain, on=PAIR[:-2])
    restricted = aligned[aligned["gate"] == RESTRICTED][PAIR].merge(control[[*PAIR[:-1], *_MEASURED]], on=PAIR[:-1])
    return aligned, pd.concat([host, restricted], ignore_index=True)


def gains(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """What alignment adds to a metric of each run, under each gate: `PAIR`, ``value`` (percent points), `SOURCES`.

    Both are NaN where it was not measured without alignment.
    """
    aligned, plain = aligned_and_plain(scores, metric)
    found = less(aligned, plain, PAIR)
    return aligned[PAIR].merge(found.assign(value=100 * found["value"]), on=PAIR, how="left")


def told(gate: str) -> str:
    """Whether a gate is told which images are of old classes."""
    return "yes" if gate in ORACLE_GATES else "no"
