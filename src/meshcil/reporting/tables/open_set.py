"""How well a method tells images of the classes it has learned from images of classes that come later."""

import pandas as pd

from meshcil.reporting.scores import classes_seen, clean
from meshcil.reporting.table import Table, assemble, percent

_MEASURES = {"open_set_auroc": "score", "open_set_auroc_fit": "fit"}


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs. Columns: AUROC in percent after each step but the last.

    By the best class's score and, for methods with meshes, by how well the posed mesh explains the image. 100 is a
    perfect distinction, 50 is chance.
    """
    columns = {}
    for metric, name in _MEASURES.items():
        rows = clean(scores, metric).merge(classes_seen(scores), on=["dataset", "protocol", "step"], how="inner")
        for classes in sorted(rows["classes"].unique()):
            columns[f"AUROC by {name}, {classes} classes"] = percent(rows[rows["classes"] == classes])
    return assemble(scores, columns)
