"""One metric over test sets, after the last step."""

import pandas as pd

from meshcil.config.tables.robustness import Options
from meshcil.reporting.scores import last_step, overall, test_set_order
from meshcil.reporting.table import Table, assemble, percent


def build(scores: pd.DataFrame, options: Options) -> Table:
    """Rows: runs. Columns: test sets, in percent."""
    rows = last_step(overall(scores, options.metric))
    names = test_set_order(scores, options.test_sets)
    return assemble(scores, {name: percent(rows[rows["test_set"] == name]) for name in names})
