"""Hosts under every gate, without and with alignment."""

import pandas as pd

from meshcil.reporting.alignment import METRICS, PAIR, aligned_and_plain, told
from meshcil.reporting.scores import less
from meshcil.reporting.table import Table, assemble, percent

_NAMES = {"last_accuracy": "last", "average_incremental_accuracy": "average", "forgetting_before_last": "forgetting"}


def build(scores: pd.DataFrame) -> Table:
    """Rows: host, aligner, gate. Columns, in percent: each quantity without and with alignment, and what is gained.

    `told the task`: whether the gate knows which test images are of old classes; `without` of the restricted one is the
    same knowledge used without any alignment.
    """
    frames = aligned_and_plain(scores, *METRICS)
    aligned, plain = (frame.assign(**{"told the task": frame["gate"].map(told)}) for frame in frames)
    columns = {}
    for metric, name in _NAMES.items():
        after, before = (frame[frame["metric"] == metric] for frame in (aligned, plain))
        # Less forgetting is better: a change of it is no gain.
        change = "change" if name == "forgetting" else "gain"
        for form, rows in (("without", before), ("with", after), (change, less(after, before, PAIR))):
            columns[f"{name} {form}"] = percent(rows)
    return assemble(aligned, columns, "aligner", "gate", "told the task")
