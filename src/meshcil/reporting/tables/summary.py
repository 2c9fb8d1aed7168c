"""One line per run: average incremental and last accuracy, forgetting, pose accuracy."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, percent
from meshcil.reporting.scores import RUN, average_over_steps, last_step, step_accuracies


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns in percent, on the clean test set.

    `average`: mean of the accuracies after each step, the first included. `last`: after the last step.
    `forgetting`: see `forgetting`. `pose pi/6` and `pose pi/18`: share of test images, after the last step, whose
    pose error is below the angle, wrongly classified images included.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `summary` table")
    columns = {
        "average [%]": average_over_steps(scores),
        "last [%]": last_step(step_accuracies(scores)),
        "forgetting [%]": forgetting(scores),
        "pose pi/6 [%]": last_step(step_accuracies(scores, "pose_accuracy_pi6")),
        "pose pi/18 [%]": last_step(step_accuracies(scores, "pose_accuracy_pi18")),
    }
    return assemble(scores, {name: percent(values) for name, values in columns.items()})


def forgetting(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over earlier tasks of the best accuracy before the last step minus that after it; may be negative.

    Returns:
        One row per run and seed; none for runs of a single step.
    """
    chosen = (scores["task"] != "") & (scores["class_name"] == "")
    rows = scores[chosen & (scores["test_set"] == "clean") & (scores["metric"] == "accuracy")]
    final = rows["step"] == rows.groupby([*RUN, "seed"])["step"].transform("max")
    keys = [*RUN, "seed", "task"]
    before = rows[~final].groupby(keys, sort=False)["value"].max()
    after = rows[final].set_index(keys)["value"]
    drops = (before - after).dropna().rename("value").reset_index()
    return drops.groupby([*RUN, "seed"], sort=False)["value"].mean().reset_index()
