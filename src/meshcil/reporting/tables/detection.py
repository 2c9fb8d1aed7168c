"""Incremental detection under every gate, without and with alignment."""

from collections.abc import Mapping

import pandas as pd

from meshcil.config.gates import CONTROL, GATES, RESTRICTED
from meshcil.reporting.scores import RUN, less
from meshcil.reporting.table import Table, assemble, percent
from meshcil.reporting.tables.alignment import told

_KEYS = [*RUN, "seed", "gate"]


def build(scores: pd.DataFrame) -> Table:
    """Rows: study and gate. Columns: AP50 (VOC 2007, 11 points) in percent.

    `before`: first classes after the first step. `old`, `new`, `all`: first, later and all classes after the second
    step, without and with alignment. `forgetting` is `before` less `old` without alignment, `recovered` what alignment
    gives back. Without alignment every gate leaves the detections alone, except the one under which boxes of earlier
    classes may not be given later ones: there, they may not either.
    """
    rows = scores[scores["metric"].isin(["ap50", "ap50_old", "ap50_new"]) & (scores["class_name"] == "")]
    plain, control, base = (rows[rows["test_set"] == name] for name in ("plain", CONTROL, "base"))
    gates = [gate for gate in GATES if gate != CONTROL]
    gated = _told(rows[rows["test_set"].isin(gates)].assign(gate=rows["test_set"]))
    free = _under({gate: control if gate == RESTRICTED else plain for gate in gates})
    columns = {"before": _under(dict.fromkeys(gates, base[base["metric"] == "ap50_old"]))}
    for metric, name in (("ap50_old", "old"), ("ap50_new", "new"), ("ap50", "all")):
        without, after = (frame[frame["metric"] == metric] for frame in (free, gated))
        columns |= {f"{name} without": without, f"{name} with": after}
        if name == "old":
            columns["forgetting"] = less(columns["before"], without, _KEYS)
            columns["recovered"] = less(after, without, _KEYS)
    return assemble(gated, {name: percent(part) for name, part in columns.items()}, "gate", "told the task")


def _under(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows that stand under each gate, with its name."""
    return _told(pd.concat([part.assign(gate=gate) for gate, part in rows.items()]))


def _told(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{"told the task": rows["gate"].map(told)})
