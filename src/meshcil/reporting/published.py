"""Published values beside measured ones: a column of their own, never mixed with ours."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from meshcil.config.base import Settings, load_settings
from meshcil.core.errors import InputError
from meshcil.reporting.table import Table


class PublishedSettings(Settings):
    """`config/published/<table>.yaml`: what a paper states for the cells of one table."""

    source: str
    """Paper and table or figure the values were read from."""
    values: dict[str, dict[str, float]]
    """Row (as `meshcil trace` names it) -> column without its unit -> value in the column's unit."""


def published_path(config_root: Path, table: str) -> Path:
    """Where the published values of a table are kept; most tables have none."""
    return config_root / "published" / f"{table}.yaml"


def add_published(table: Table, path: Path) -> Table:
    """The table with what a paper states for its cells; unchanged without a file.

    Raises InputError when the file is wrong or names a column that the table lacks.
    """
    if not path.is_file():
        return table
    values = load_settings(PublishedSettings, path).values
    stated = dict.fromkeys(column for row in values.values() for column in row)
    for name in stated:
        if name not in table.values.columns:
            known = ", ".join(table.values.columns)
            raise InputError(path, f"names the unknown column `{name}`", f"Known: {known}")
    found = {name: [values.get(row, {}).get(name, float("nan")) for row in table.keys] for name in stated}
    return replace(table, published=pd.DataFrame(found, table.names.index))
