"""Whether a method's mechanisms acted in each step."""

import pandas as pd

from meshcil.reporting.scores import overall
from meshcil.reporting.table import Column, Table, assemble

CHECKS = (
    "features in own region",
    "old features in own region",
    "features in reserved regions",
    "bank in own region",
    "cosine of bank to before",
    "cosine of features to before",
    "gradient of positional",
    "gradient of noise",
    "gradient of distillation",
    "gradient of feature distillation",
)


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs and steps, of methods that check it (iNeMo). Measured on a few images of each class.

    Regions: share of features at visible vertices, and of rows of the vertex bank, whose nearest centroid is that of
    their class; reserved ones are those of classes still to come. Cosines: of bank rows and features at the end of the
    step to those before it. Gradients: norm of a loss's gradient on the network, as a share of the contrastive one's; a
    loss whose share is near zero was not tested by taking it away.
    """
    found = [name for name in CHECKS if (scores["metric"] == name).any()]
    rows = overall(scores, *found)
    return assemble(rows, {name: Column(overall(scores, name)) for name in found}, "step")
