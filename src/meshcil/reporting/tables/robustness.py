"""One metric over test sets, after the last step."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, percent
from meshcil.reporting.scores import last_step, overall, test_set_order


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "accuracy"
    """`accuracy`, `pose_accuracy_pi6` or `pose_accuracy_pi18`."""
    test_sets: tuple[str, ...] = ()
    """Columns, in this order; all test sets when absent."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns: test sets, in percent.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `robustness` table")
    rows = percent(last_step(overall(scores, settings.metric)))
    names = test_set_order(scores, settings.test_sets)
    return assemble(scores, {f"{name} [%]": rows[rows["test_set"] == name] for name in names})
