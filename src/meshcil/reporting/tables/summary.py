"""One line per run: average incremental and last accuracy, forgetting, pose accuracy."""

import pandas as pd

from meshcil.reporting.scores import clean, last_step
from meshcil.reporting.table import Table, assemble, percent


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs. Columns in percent, on the clean test set.

    `average`: mean of the accuracies after each step, the first included. `last`: after the last step.
    `forgetting`: mean over earlier tasks of the best accuracy before the last step minus that after it.
    `pose pi/6` and `pose pi/18`: share of test images, after the last step, whose pose error is below the
    angle, wrongly classified images included.
    """
    columns = {
        "average": clean(scores, "average_incremental_accuracy"),
        "last": clean(scores, "last_accuracy"),
        "forgetting": clean(scores, "forgetting_before_last"),
        "pose pi/6": last_step(clean(scores, "pose_accuracy_pi6")),
        "pose pi/18": last_step(clean(scores, "pose_accuracy_pi18")),
    }
    return assemble(scores, {name: percent(values) for name, values in columns.items()})
