"""Accuracy against what may be kept: exemplars and bytes carried between steps."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, mebibytes, percent
from meshcil.reporting.scores import clean, last_step, overall


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs, by method and rising memory.

    Columns: exemplars, carried MiB, MiB as MEMO counts, average and last accuracy in percent.

    Exemplars and bytes are those held after the last step.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `budget` table")
    carried = last_step(overall(scores, "carry_bytes"))
    columns = {
        "exemplars": last_step(overall(scores, "exemplars")),
        "carried [MiB]": mebibytes(carried),
        "paper [MiB]": mebibytes(last_step(overall(scores, "paper_bytes"))),
        "average [%]": percent(clean(scores, "average_incremental_accuracy")),
        "last [%]": percent(clean(scores, "last_accuracy")),
    }
    table = assemble(scores, columns)
    rank = {method: position for position, method in enumerate(table["method"].unique())}
    order = table.assign(rank=table["method"].map(rank)).sort_values(["rank", "carried [MiB]"], kind="stable")
    return table.loc[order.index].reset_index(drop=True)
