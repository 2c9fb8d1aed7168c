"""Published values beside measured ones: a column of their own, never mixed with ours."""

from pathlib import Path

import pandas as pd

from meshcil.config.base import Settings, load_settings
from meshcil.core.errors import InputError
from meshcil.reporting.layout import quantity, row_keys, spread, unit


class PublishedSettings(Settings):
    """`config/published/<table>.yaml`: what a paper states for the cells of one table."""

    source: str
    """Paper and table or figure the values were read from."""
    values: dict[str, dict[str, float]]
    """Row (as `meshcil trace` names it) -> column without its unit -> value in the column's unit."""


def published_path(config_root: Path, table: str) -> Path:
    """Where the published values of a table are kept; most tables have none."""
    return config_root / "published" / f"{table}.yaml"


def add_published(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Insert `<name> published [unit]` after each column that has a published value; unchanged without a file.

    Raises:
        InputError: when the file is wrong or names a column that the table lacks.
    """
    if not path.is_file():
        return table
    values = load_settings(PublishedSettings, path).values
    rows = row_keys(table)
    columns = {quantity(name): name for name in table.columns}
    for short in dict.fromkeys(column for row in values.values() for column in row):
        if short not in columns:
            raise InputError(path, f"names the unknown column `{short}`", f"Known: {', '.join(columns)}")
        name = columns[short]
        place = max(table.columns.get_loc(n) for n in (name, spread(name)) if n in table.columns) + 1
        found = [values.get(row, {}).get(short, float("nan")) for row in rows]
        title = f"{short} published" + (f" [{unit(name)}]" if unit(name) else "")
        table = pd.concat(
            [table.iloc[:, :place], pd.Series(found, table.index, name=title), table.iloc[:, place:]], axis=1
        )
    return table
