"""Shape of every table: rows named by run, columns named with their unit, one text per cell.

A column is ``name [unit]``; its spread over seeds is ``name std [unit]``. A value that was not measured is
blank.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from meshcil.core.errors import InputError
from meshcil.reporting.scores import RUN, over_seeds

_FORMATS: dict[str, Callable[[float], str]] = {
    "%": "{:z.2f}".format,
    "MiB": "{:z.3f}".format,
    "s": "{:z.1f}".format,
    "deg": "{:z.2f}".format,
}
MIB = 2**20
# Bytes and counts follow from the settings, not from the seed.
_SPREAD_UNITS = ("%", "deg", "s")


def percent(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with fractions as percent."""
    return rows.assign(value=100.0 * rows["value"])


def mebibytes(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with bytes as MiB (2^20 bytes)."""
    return rows.assign(value=rows["value"] / MIB)


def unit(column: str) -> str:
    """Unit of a column name, "" without one."""
    return column[column.rindex("[") + 1 : -1] if column.endswith("]") else ""


_DIFFERENCES = ("gain", "change", "lead", "low", "high")
"""Last words of quantities that are differences of shares."""


def shown_unit(column: str) -> str:
    """Unit as readers see it: a difference of percentages is in points."""
    differs = quantity(column).split(" ")[-1] in _DIFFERENCES
    return "points" if unit(column) == "%" and differs else unit(column)


def quantity(column: str) -> str:
    """Column name without its unit."""
    return column[: column.rindex("[")].rstrip() if column.endswith("]") else column


def spread(column: str) -> str:
    """Name of the column that holds the standard deviation over seeds of ``column``."""
    return f"{quantity(column)} std [{unit(column)}]" if unit(column) else f"{column} std"


def assemble(rows: pd.DataFrame, columns: Mapping[str, pd.DataFrame], *by: str) -> pd.DataFrame:
    """One row per run (and value of ``by``), named, with the mean of each quantity and its spread over seeds.

    Args:
        rows: scores that decide which rows there are, also those without a measured value.
        columns: column name with unit -> values in that unit, one row per seed.
        by: further columns of the scores that tell rows apart.

    Returns:
        ``method, label, budget``, ``dataset`` and ``protocol`` where they vary, ``by``, ``seeds``, the columns;
        spreads only when a run has more than one seed.
    """
    keys = [*RUN, *by]
    table = rows[keys].drop_duplicates()
    seeds = rows.groupby(RUN, sort=False)["seed"].nunique().rename("seeds").reset_index()
    table = table.merge(seeds, on=RUN, how="left")
    several = bool((table["seeds"] > 1).any())
    for column, values in columns.items():
        found = over_seeds(values, *by).rename(columns={"mean": column, "std": spread(column)})
        shown = [column, spread(column)] if several and unit(column) in _SPREAD_UNITS else [column]
        table = table.merge(found[[*keys, *shown]], on=keys, how="left")
    varying = [name for name in ("dataset", "protocol") if table[name].nunique() > 1]
    names = ["method", "label", "budget", *varying, *by, "seeds"]
    return table[names + [name for name in table.columns if name not in {*keys, "seeds"}]]


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Each cell as the text that stands in the CSV; what was not measured is ""."""
    return pd.DataFrame(
        {name: [_text(value, unit(name)) for value in table[name]] for name in table.columns}, dtype=str
    )


def _text(value: object, unit_name: str) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, str):
        return value
    number = float(value)
    if unit_name in _FORMATS:
        return _FORMATS[unit_name](number)
    return str(int(number)) if number == int(number) else f"{number:.4g}"


def to_csv(table: pd.DataFrame) -> str:
    """CSV text of a table, with `\\n` line ends."""
    return as_text(table).to_csv(index=False, lineterminator="\n")


def row_keys(table: pd.DataFrame) -> list[str]:
    """Name of each row: its first column, extended by the next columns (``inemo/total-24``) until names differ."""
    for width in range(1, len(table.columns) + 1):
        keys = ["/".join(map(str, row)) for row in table[key_columns(table)[:width]].itertuples(index=False)]
        if len(set(keys)) == len(keys):
            return keys
    return [str(index) for index in range(len(table))]


def key_columns(table: pd.DataFrame) -> list[str]:
    """Columns that name a row: neither numbers with a unit, nor labels or counts of seeds."""
    return [name for name in table.columns if name not in ("label", "seeds") and not unit(name)]


def find_cell(table: pd.DataFrame, row: str, column: str, where: str) -> tuple[int, str]:
    """Position of a row and full name of a column of a table read as text.

    Args:
        table: with text cells.
        row: as `row_keys` names it; the first column alone when that is unique.
        column: full name, or the name without its unit (``L2`` for ``L2 [%]``).
        where: the file, for the message.

    Raises:
        InputError: when no row or column, or more than one, has that name.
    """
    keys = row_keys(table)
    positions = [index for index, key in enumerate(keys) if key == row]
    names = [name for name in table.columns if column in (name, quantity(name))]
    if len(positions) != 1:
        raise InputError(where, f"has no single row `{row}`", f"Rows: {', '.join(keys)}")
    if len(names) != 1:
        raise InputError(where, f"has no single column `{column}`", f"Columns: {', '.join(table.columns)}")
    return positions[0], names[0]


def number_columns(table: pd.DataFrame) -> Sequence[str]:
    """Columns with measured values: those with a unit, and counts."""
    return [name for name in table.columns if unit(name) or name in ("exemplars", "seeds")]


def read_table(path: Path) -> pd.DataFrame:
    """A table of the report, as text.

    Raises:
        InputError: when the file is missing or is not CSV.
    """
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "Run the `table` stage that writes it") from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(path, f"is not a readable CSV file ({error})", "Delete it and write it again") from error
