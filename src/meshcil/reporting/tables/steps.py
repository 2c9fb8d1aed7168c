"""Accuracy on all classes seen, after each step."""

import pandas as pd

from meshcil.reporting.scores import classes_seen, clean
from meshcil.reporting.table import Table, assemble, percent


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs. Columns: number of classes seen, in percent."""
    rows = clean(scores, "accuracy").merge(classes_seen(scores), on=["dataset", "protocol", "step"], how="inner")
    columns = {
        f"{classes} classes": percent(rows[rows["classes"] == classes]) for classes in sorted(rows["classes"].unique())
    }
    return assemble(scores, columns)
