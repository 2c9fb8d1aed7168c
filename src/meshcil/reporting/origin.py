"""Which rows of the scores a number of a table is computed from.

Found by asking the table itself: a measurement matters when the number changes with it. So a new kind of table says
nothing about its origin, and cannot say anything wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from meshcil.config.experiment import Artifact
from meshcil.core.naming import load_object
from meshcil.reporting.layout import as_text, find_cell, quantity, row_keys, unit
from meshcil.reporting.scores import RUN, keep

OVER_STEPS = ("average_incremental_accuracy", "forgetting_before_last", "forgetting_including_last")
"""Metrics over all steps up to the one they stand at."""

Cell = tuple[str, str]
"""Name of a row (`meshcil.reporting.layout.row_keys`) and full name of a column."""


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
    cell = (row_keys(made)[position], name)
    return name, str(made.loc[position, name]), origins(table, scores, where, cell).get(cell, scores.iloc[:0])


_MEASUREMENT = [*RUN, "step", "test_set", "task", "class_name", "metric"]
"""Columns that name what was measured, whichever the seed."""
_FEW, _MANY = 3, 24
"""How often a table is built from made-up values, to find numbers of one measurement, and of those in their row."""


def origins(table: Artifact, scores: pd.DataFrame, where: str, only: Cell | None = None) -> dict[Cell, pd.DataFrame]:
    """The scores behind every number of a table.

    The table is built a few times from made-up values, which differ from one measurement to another. A number that is a
    multiple of one measurement's value each time is made from it; one that is a sum of multiples of those that other
    numbers of its row are made from, is made from these. For any other number halves of all measurements are changed,
    and halves of those halves that matter.

    Args:
        table: settings of the table.
        scores: collected scores of its experiment.
        where: the file, for messages.
        only: leave the others out.

    Returns:
        Cell -> rows of ``scores``; cells that no score changes are left out.

    Raises:
        InputError: when the settings do not suit the scores.
    """
    build = load_object("meshcil.reporting.tables", table.kind, "build")
    asked = _Asked(build, table.options, keep(scores, table.select, where))
    few = [asked.marked(seed) for seed in range(_FEW)]
    found = _multiples(asked.numbers, few)
    rest = [cell for cell in asked.numbers if cell not in found and (only is None or cell == only)]
    rest = asked.changed(asked.order, rest)
    named = {row for row, _ in found}
    if any(row in named for row, _ in rest):
        many = [*few, *(asked.marked(seed) for seed in range(_FEW, _MANY))]
        found |= {cell: members for cell in rest if (members := _sum(many, cell, found))}
    found |= _influential(asked, asked.order, [cell for cell in rest if cell not in found])
    wanted = found if only is None else {only} & found.keys()
    return {cell: asked.rows(found[cell]) for cell in asked.numbers if cell in wanted}


Built = tuple[Float[np.ndarray, " measurements"], pd.DataFrame]
"""Made-up value of each measurement, and the numbers of the table built from them."""


@dataclass(frozen=True)
class _Asked:
    """A table that is asked what would stand in it if the scores were others."""

    build: Callable[[pd.DataFrame, Mapping[str, Any]], pd.DataFrame]
    options: Mapping[str, Any]
    scores: pd.DataFrame

    @cached_property
    def measurement(self) -> Int[np.ndarray, " rows"]:
        """Number of the measurement that each score is of; seeds are one measurement."""
        return self.scores.groupby(_MEASUREMENT, sort=False, dropna=False).ngroup().to_numpy()

    @cached_property
    def order(self) -> list[int]:
        """Measurements, those of a kind side by side and details last: halves then tend to matter or not as a whole."""
        names = self.scores.assign(number=self.measurement).drop_duplicates("number")
        return names.sort_values(["class_name", "task", "metric", "test_set", "step"], kind="stable")["number"].tolist()

    @cached_property
    def written(self) -> pd.DataFrame:
        """Numbers of the table as it stands."""
        return self._cells(self.scores["value"])

    @cached_property
    def numbers(self) -> list[Cell]:
        """Cells that hold a number."""
        return [(name, column) for name, row in self.written.iterrows() for column in row.index[row.notna()]]

    @cached_property
    def _fraction(self) -> Bool[np.ndarray, " rows"]:
        """Scores of measurements between 0 and 1, which stay there: tables refuse accuracies above 1."""
        within = self.scores["value"].between(0, 1) | self.scores["value"].isna()
        return within.groupby(self.measurement).transform("all").to_numpy()

    @cached_property
    def _changed(self) -> pd.Series:
        # Every score by another amount, or a spread over seeds would not notice.
        draws = np.random.default_rng(0)
        factor, shift = draws.uniform(1, 2, (2, len(self.scores)))
        changed = self.scores["value"] * (factor + 0.5) + shift
        return changed.where(~self._fraction, (self.scores["value"] + shift - 1) / 2)

    def marked(self, seed: int) -> Built:
        """The table built from made-up values, which are the same for every seed of a measurement."""
        values = np.random.default_rng([1, seed]).uniform(1000, 2000, len(self.order))
        values[np.unique(self.measurement[self._fraction])] /= 2000
        made = pd.Series(values[self.measurement], self.scores.index)
        # What was not measured has no value to replace.
        return values, self._cells(made.where(self.scores["value"].notna()))

    def changed(self, members: Sequence[int], cells: Sequence[Cell]) -> list[Cell]:
        """Those of ``cells`` that change with the scores of some measurements."""
        if not cells:
            return []
        chosen = np.isin(self.measurement, members)
        made = self._cells(self.scores["value"].mask(chosen, self._changed))
        made = made.reindex(index=self.written.index, columns=self.written.columns)
        same = pd.DataFrame(np.isclose(made, self.written, rtol=1e-9, atol=0, equal_nan=True), made.index, made.columns)
        return [(row, column) for row, column in cells if not same.at[row, column]]

    def rows(self, members: Sequence[int]) -> pd.DataFrame:
        """Scores of some measurements."""
        return self.scores[np.isin(self.measurement, members)]

    def _cells(self, values: pd.Series) -> pd.DataFrame:
        made = self.build(self.scores.assign(value=values), self.options)
        # By name: other values can bring the rows into another order.
        names = pd.Index(row_keys(as_text(made)))
        shown = [name for name in made.columns if unit(name) or pd.api.types.is_numeric_dtype(made[name])]
        return made[shown].apply(pd.to_numeric, errors="coerce").astype(float).set_index(names)


def _multiples(cells: Sequence[Cell], built: Sequence[Built]) -> dict[Cell, list[int]]:
    """Cells that are proportional to the values of one measurement, and that measurement."""
    marks = np.stack([values for values, _ in built])
    found = {}
    for cell in cells:
        wanted = _values(built, cell)
        if np.isfinite(wanted).all() and wanted.all():
            same = np.isclose(marks[1:] * wanted[0], marks[0] * wanted[1:, None], rtol=1e-9, atol=0).all(axis=0)
            if same.sum() == 1:
                found[cell] = [int(same.argmax())]
    return found


def _sum(built: Sequence[Built], cell: Cell, known: Mapping[Cell, Sequence[int]]) -> list[int]:
    """Measurements of other numbers of the row whose multiples add up to a cell; empty if they do not."""
    members = list(dict.fromkeys(n for (row, _), found in known.items() if row == cell[0] for n in found))
    wanted = _values(built, cell)
    if not members or len(members) >= len(built) or not np.isfinite(wanted).all():
        return []
    values = np.stack([made[members] for made, _ in built])
    weights = np.linalg.lstsq(values, wanted, rcond=None)[0]
    if not np.allclose(values @ weights, wanted, rtol=0, atol=1e-9 * np.abs(values * weights).sum()):
        return []
    return [n for n, weight in zip(members, weights, strict=True) if abs(weight) > 1e-6 * np.abs(weights).max()]


def _values(built: Sequence[Built], cell: Cell) -> Float[np.ndarray, " built"]:
    """What stands in a cell; a spread over seeds has the origin of its mean."""
    row, column = cell
    source = f"{quantity(column).removesuffix(' std')} [{unit(column)}]" if unit(column) else column
    return np.array([made.at[row, source] if row in made.index else np.nan for _, made in built])


def _influential(asked: _Asked, members: Sequence[int], cells: Sequence[Cell]) -> dict[Cell, list[int]]:
    """Measurements whose change changes a cell, by halving; each of ``cells`` changes with ``members`` together."""
    if not cells or len(members) == 1:
        return {cell: list(members) for cell in cells}
    found: dict[Cell, list[int]] = {}
    middle = len(members) // 2
    for part in (members[:middle], members[middle:]):
        for cell, numbers in _influential(asked, part, asked.changed(part, cells)).items():
            found.setdefault(cell, []).extend(numbers)
    return found
