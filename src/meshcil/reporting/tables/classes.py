"""One metric per class, after the last step."""

import pandas as pd

from meshcil.config.tables.classes import Options
from meshcil.reporting.scores import last_step
from meshcil.reporting.table import Table, assemble, percent


def build(scores: pd.DataFrame, options: Options) -> Table:
    """Rows: runs. Columns: classes, in percent."""
    chosen = (scores["metric"] == options.metric) & (scores["test_set"] == options.test_set)
    rows = last_step(scores[chosen & (scores["class_name"] != "")])
    return assemble(scores, {name: percent(own) for name, own in rows.groupby("class_name", sort=False)})
