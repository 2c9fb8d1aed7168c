"""The linear (or cosine) head beside the nearest-mean classifier, for methods that have both."""

import pandas as pd

from meshcil.evaluation.scoring import HEADS
from meshcil.reporting.scores import clean
from meshcil.reporting.table import Table, assemble, percent


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs. Columns: average incremental and last accuracy of each classifier, in percent."""
    metrics = {"average": "average_incremental_accuracy", "last": "last_accuracy"}
    columns = {
        f"{head.replace('_', ' ')}, {short}": percent(clean(scores, f"{head}_{metric}"))
        for head in HEADS
        for short, metric in metrics.items()
    }
    return assemble(scores, columns)
