"""One metric over test sets, after the last step."""

import pandas as pd

from meshcil.config.base import Settings
from meshcil.reporting.scores import last_step, overall, test_set_order
from meshcil.reporting.table import Table, assemble, percent


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "accuracy"
    """`accuracy`, `pose_accuracy_pi6` or `pose_accuracy_pi18`."""
    test_sets: tuple[str, ...] = ()
    """Columns, in this order; all test sets when absent."""


def build(scores: pd.DataFrame, options: Options) -> Table:
    """Rows: runs. Columns: test sets, in percent."""
    rows = last_step(overall(scores, options.metric))
    names = test_set_order(scores, options.test_sets)
    return assemble(scores, {name: percent(rows[rows["test_set"] == name]) for name in names})
