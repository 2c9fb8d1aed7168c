"""Which rows of the scores a number of a table is computed from.

Found by asking the table itself: a row matters when the number changes with it. So a new kind of table says nothing
about its origin, and cannot say anything wrong.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from meshcil.config.experiment import Artifact
from meshcil.core.naming import load_object
from meshcil.reporting.layout import as_text, find_cell, quantity, row_keys, unit
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
    build = load_object("meshcil.reporting.tables", table.kind, "build")
    made = as_text(build(keep(scores, table.select, where), table.options))
    position, name = find_cell(made, row, column, where)
    found = origins(table, scores, where).get((row_keys(made)[position], name), scores.iloc[:0])
    return name, str(made.loc[position, name]), found


_MEASUREMENT = [*RUN, "step", "test_set", "task", "class_name", "metric"]
"""Columns that name what was measured, whichever the seed."""


def origins(table: Artifact, scores: pd.DataFrame, where: str) -> dict[tuple[str, str], pd.DataFrame]:
    """The scores behind every number of a table.

    The table is built three times from made-up values, which differ from one measurement to another: a number that is
    a multiple of one measurement's value each time is made from it. For any other number, halves
    of its run's scores are replaced, and halves of those halves that matter.

    Args:
        table: settings of the table.
        scores: collected scores of its experiment.
        where: the file, for messages.

    Returns:
        Name of a row and full name of a column -> rows of ``scores``; cells that no score changes are left out.

    Raises:
        InputError: when the settings do not suit the scores.
    """
    chosen = keep(scores, table.select, where)
    build = load_object("meshcil.reporting.tables", table.kind, "build")
    number = chosen.groupby(_MEASUREMENT, sort=False, dropna=False).ngroup().to_numpy()

    def cells(values: pd.Series) -> pd.DataFrame:
        # By name: other values can bring the rows into another order.
        made = build(chosen.assign(value=values), table.options)
        return made.set_index(pd.Index(row_keys(as_text(made))))

    def texts(values: pd.Series) -> pd.DataFrame:
        made = cells(values)
        return as_text(made).set_index(made.index)

    written = texts(chosen["value"])
    marks = _marks(int(number.max()) + 1 if len(chosen) else 0)
    # What was not measured has no value to replace.
    built = [cells(pd.Series(mark[number], chosen.index).where(chosen["value"].notna())) for mark in marks]
    found = {}
    for row, column in ((r, c) for r in written.index for c in written.columns if unit(c) and written.loc[r, c]):
        source = f"{quantity(column).removesuffix(' std')} [{unit(column)}]"
        only = _measurement([float(made.loc[row, source]) for made in built], marks)
        if only is None:
            names = [name for name in RUN if name in written.columns]
            of_run = (chosen[names] == written.loc[row, names].tolist()).all(axis=1)
            cell = functools.partial(_cell, texts, row, column)
            rows = chosen.loc[_influential(cell, chosen["value"], written.loc[row, column], list(chosen.index[of_run]))]
        else:
            rows = chosen[number == only]
        if len(rows):
            found[row, column] = rows
    return found


def _cell(texts: Callable[[pd.Series], pd.DataFrame], row: str, column: str, values: pd.Series) -> str:
    return str(texts(values).loc[row, column])


def _marks(count: int) -> list[Float[np.ndarray, " n"]]:
    """Values of ``count`` measurements: rising, falling, and in no order."""
    rising = 1000.0 + np.arange(count)
    return [rising, rising[::-1], np.random.default_rng(0).permutation(rising)]


def _measurement(cell: Sequence[float], marks: Sequence[Float[np.ndarray, " n"]]) -> int | None:
    """The only measurement whose values are proportional to those of a cell; none if there is none."""
    factors = np.array(cell)[:, None] / np.stack(list(marks))
    fits = np.isclose(factors, factors[:1], rtol=1e-9, atol=0).all(axis=0)
    return int(fits.argmax()) if fits.sum() == 1 else None


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
