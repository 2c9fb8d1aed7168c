"""Hosts under every gate, without and with alignment."""

import pandas as pd

from meshcil.config.gates import CONTROL, ORACLE_GATES, RESTRICTED, parse_view
from meshcil.reporting.scores import RUN, SOURCES, less, overall
from meshcil.reporting.table import Table, assemble, percent

PLAIN = "clean"
"""Test set that aligners are judged on."""
METRICS = {"last_accuracy": "last", "average_incremental_accuracy": "average", "forgetting_before_last": "forgetting"}
"""Metrics of a run, and their names."""
PAIR = [*RUN, "seed", "metric", "aligner", "gate"]
_MEASURED = ["value", SOURCES]


def aligned_and_plain(scores: pd.DataFrame, *metrics: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values with alignment, and those of the same runs without.

    Without alignment every gate leaves the host's own predictions, except the one under which images of old classes may
    only be given old classes: there it is its control, the same without alignment, which has no row of its own.

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


def build(scores: pd.DataFrame) -> Table:
    """Rows: host, aligner, gate. Columns, in percent: each quantity without and with alignment, and what is gained.

    `told the task`: whether the gate knows which test images are of old classes; `without` of the restricted one is the
    same knowledge used without any alignment.
    """
    frames = aligned_and_plain(scores, *METRICS)
    aligned, plain = (frame.assign(**{"told the task": frame["gate"].map(told)}) for frame in frames)
    columns = {}
    for metric, name in METRICS.items():
        after, before = (frame[frame["metric"] == metric] for frame in (aligned, plain))
        # Less forgetting is better: a change of it is not a gain.
        change = "change" if name == "forgetting" else "gain"
        for form, rows in (("without", before), ("with", after), (change, less(after, before, PAIR))):
            columns[f"{name} {form}"] = percent(rows)
    return assemble(aligned, columns, "aligner", "gate", "told the task")
