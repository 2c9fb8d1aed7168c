"""Incremental detection under every gate, without and with alignment."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.config.gates import CONTROL, GATES, RESTRICTED
from meshcil.reporting.alignment import told
from meshcil.reporting.layout import assemble, percent

_KEYS = ["dataset", "protocol", "method", "label", "budget", "seed", "metric"]


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: study and gate. Columns: AP50 (VOC 2007, 11 points) in percent.

    `before`: first classes after the first step. `old`, `new`, `all`: first, later and all classes after the second
    step, without and with alignment. `forgetting` is `before` less `old` without alignment, `recovered` what alignment
    gives back. Without alignment every gate leaves the detections alone, except the one under which boxes of earlier
    classes may not be given later ones: there, they may not either.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `detection` table")
    rows = scores[scores["metric"].isin(["ap50", "ap50_old", "ap50_new"]) & (scores["class_name"] == "")]
    plain, control = (rows[rows["test_set"] == name] for name in ("plain", CONTROL))
    gated = rows[rows["test_set"].isin(GATES) & (rows["test_set"] != CONTROL)].assign(gate=rows["test_set"])
    gated = gated.rename(columns={"value": "with"})
    without = pd.concat(
        [(control if gate == RESTRICTED else plain).assign(gate=gate) for gate in GATES if gate != CONTROL]
    )
    before = rows[(rows["test_set"] == "base") & (rows["metric"] == "ap50_old")]
    columns = {"before": before.drop(columns="metric").merge(gated[[*_KEYS[:-1], "gate"]].drop_duplicates())}
    pairs = gated[[*_KEYS, "gate", "with"]].merge(without[[*_KEYS, "gate", "value"]], how="left")
    for metric, name in (("ap50_old", "old"), ("ap50_new", "new"), ("ap50", "all")):
        own = pairs[pairs["metric"] == metric]
        columns[f"{name} without"] = own
        columns[f"{name} with"] = own.assign(value=own["with"])
        if name == "old":
            first = columns["before"].rename(columns={"value": "first"})[[*_KEYS[:-1], "gate", "first"]]
            joined = own.merge(first, how="left")
            columns["forgetting"] = joined.assign(value=joined["first"] - joined["value"])
            columns["recovered"] = own.assign(value=own["with"] - own["value"])
    marked = {f"{name} [%]": percent(_marked(part)) for name, part in columns.items()}
    return assemble(_marked(gated), marked, "gate", "told the task")


def _marked(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**{"told the task": rows["gate"].map(told)})
