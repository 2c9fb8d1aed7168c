"""Accuracy against what may be kept: exemplars and bytes carried between steps."""

import pandas as pd

from meshcil.reporting.scores import clean, last_step, overall
from meshcil.reporting.table import Column, Table, assemble, mebibytes, percent


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs, by method and rising memory.

    Columns: exemplars, carried MiB, MiB as MEMO counts, average and last accuracy in percent.

    Exemplars and bytes are those held after the last step.
    """
    table = assemble(
        scores,
        {
            "exemplars": Column(last_step(overall(scores, "exemplars"))),
            "carried": mebibytes(last_step(overall(scores, "carry_bytes"))),
            "paper": mebibytes(last_step(overall(scores, "paper_bytes"))),
            "average": percent(clean(scores, "average_incremental_accuracy")),
            "last": percent(clean(scores, "last_accuracy")),
        },
    )
    methods = list(table.names["method"].unique())
    place = pd.DataFrame({"method": table.names["method"].map(methods.index), "carried": table.values["carried"]})
    return table.take(place.sort_values(["method", "carried"], kind="stable").index)
