"""Accuracy after each step beside the bytes that are really held then."""

import pandas as pd

from meshcil.reporting.scores import clean, overall
from meshcil.reporting.table import Column, Table, assemble, mebibytes, percent


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs and steps. Columns: exemplars, MiB carried to the next step, MiB as MEMO counts, accuracy in percent.

    A budget that is met after the last step may be undercut before it: models that grow are small at first, and a
    class has only so many images (MEMO, section 5).
    """
    columns = {
        "exemplars": Column(overall(scores, "exemplars")),
        "carried": mebibytes(overall(scores, "carry_bytes")),
        "paper": mebibytes(overall(scores, "paper_bytes")),
        "accuracy": percent(clean(scores, "accuracy")),
    }
    return assemble(overall(scores, "exemplars"), columns, "step")
