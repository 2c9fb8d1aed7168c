"""Which rows of the scores a number of a table is computed from.

Found by asking the table itself: a row matters when the number changes with it. So a new kind of table says nothing
about its origin, and cannot say anything wrong.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from meshcil.config.experiment import Artifact
from meshcil.core.naming import load_object
from meshcil.reporting.layout import as_text, find_cell, unit
from meshcil.reporting.scores import RUN, keep

OVER_STEPS = ("average_incremental_accuracy", "forgetting_before_last", "forgetting_including_last")
"""Metrics over all steps up to the one they stand at."""


def origin(table: Artifact, scores: pd.DataFrame, row: str, column: str, where: str) -> tuple[str, str, pd.DataFrame]:
    """The number in a cell and the scores behind it.

    Args:
        table: settings of the table.
        scores: collected scores of its experiment.
        row: of the cell, as `meshcil.reporting.layout.find_cell` takes it.
        column: of the cell, likewise.
        where: the file, for messages.

    Returns:
        Full name of the column, text of the cell, rows of ``scores`` (none for names, counts, published values).

    Raises:
        InputError: when there is no such cell.
    """
    chosen = keep(scores, table.select, where)
    build = load_object("meshcil.reporting.tables", table.kind, "build")
    made = as_text(build(chosen, table.options))
    position, name = find_cell(made, row, column, where)
    names = [n for n in RUN if n in made.columns]
    of_run = (chosen[names] == made.loc[position, names].tolist()).all(axis=1)

    def cell(values: pd.Series) -> str:
        return str(as_text(build(chosen.assign(value=values), table.options)).loc[position, name])

    text = str(made.loc[position, name])
    rows = _influential(cell, chosen["value"], text, list(chosen.index[of_run])) if unit(name) or text else []
    return name, text, chosen.loc[rows]


def _influential(cell: Callable[[pd.Series], str], values: pd.Series, text: str, rows: Sequence[int]) -> list[int]:
    """Rows whose change changes the cell, by halving."""
    if not rows:
        return []
    changed = values.copy()
    # Every row by another amount, or a spread over seeds would not notice.
    changed.loc[list(rows)] = values.loc[list(rows)] * (2 + 0.01 * np.arange(len(rows))) + 1 + np.arange(len(rows))
    if cell(changed) == text:
        return []
    if len(rows) == 1:
        return list(rows)
    middle = len(rows) // 2
    return [row for part in (rows[:middle], rows[middle:]) for row in _influential(cell, values, text, part)]
