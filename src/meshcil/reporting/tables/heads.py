"""The linear (or cosine) head beside the nearest-mean classifier, for methods that have both."""

import pandas as pd

from meshcil.reporting.scores import clean
from meshcil.reporting.table import Table, assemble, percent

HEADS = {"linear": "linear", "nearest mean": "nearest_mean"}


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs. Columns: average incremental and last accuracy of each classifier, in percent."""
    metrics = {"average": "average_incremental_accuracy", "last": "last_accuracy"}
    columns = {
        f"{title}, {short}": percent(clean(scores, f"{head}_{metric}"))
        for title, head in HEADS.items()
        for short, metric in metrics.items()
    }
    return assemble(scores, columns)
