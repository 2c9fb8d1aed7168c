"""One line per run: average incremental and last accuracy, forgetting, pose accuracy."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, percent
from meshcil.reporting.scores import clean, last_step


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns in percent, on the clean test set.

    `average`: mean of the accuracies after each step, the first included. `last`: after the last step.
    `forgetting`: mean over earlier tasks of the best accuracy before the last step minus that after it.
    `pose pi/6` and `pose pi/18`: share of test images, after the last step, whose pose error is below the
    angle, wrongly classified images included.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `summary` table")
    columns = {
        "average [%]": clean(scores, "average_incremental_accuracy"),
        "last [%]": clean(scores, "last_accuracy"),
        "forgetting [%]": clean(scores, "forgetting_before_last"),
        "pose pi/6 [%]": last_step(clean(scores, "pose_accuracy_pi6")),
        "pose pi/18 [%]": last_step(clean(scores, "pose_accuracy_pi18")),
    }
    return assemble(scores, {name: percent(values) for name, values in columns.items()})
