"""Hosts under every gate, without and with alignment."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.alignment import METRICS, alignment_pairs, told
from meshcil.reporting.layout import assemble, percent

_NAMES = dict(zip(METRICS, ("average", "last", "forgetting"), strict=True))


class Options(Settings):
    """Settings of this kind of table."""

    metrics: tuple[str, ...] = ("last_accuracy", "average_incremental_accuracy", "forgetting_before_last")
    """Quantities, each without and with alignment."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: host, aligner, gate. Columns, in percent: each quantity without and with alignment, and what is gained.

    `told the task`: whether the gate knows which test images are of old classes; `without` of the restricted one is the
    same knowledge used without any alignment.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of an `alignment` table")
    pairs = alignment_pairs(scores, settings.metrics)
    pairs["told the task"] = pairs["gate"].map(told)
    columns = {}
    for metric in settings.metrics:
        rows, name = pairs[pairs["metric"] == metric], _NAMES.get(metric, metric)
        for form, values in (
            ("without", rows["without"]),
            ("with", rows["with"]),
            ("gain", rows["with"] - rows["without"]),
        ):
            # Less forgetting is better: a change of it is no gain.
            title = "change" if form == "gain" and name == "forgetting" else form
            columns[f"{name} {title} [%]"] = percent(rows.assign(value=values))
    return assemble(pairs, columns, "aligner", "gate", "told the task")
