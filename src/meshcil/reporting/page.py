"""What stands on the report's page: plain values for the templates, made from the files of the report.

Every number is a cell of a CSV file and keeps that file, its row and its column, so that it can be traced.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from meshcil.config.experiment import Artifact, ExperimentSettings
from meshcil.core.errors import InputError
from meshcil.reporting.facts import Fact
from meshcil.reporting.inline import inline_svg
from meshcil.reporting.layout import quantity, row_keys, spread, unit
from meshcil.reporting.palette import CSS_VARIABLES, looks

_TITLES = {
    "average": "Average accuracy",
    "last": "Last accuracy",
    "forgetting": "Forgetting",
    "pose pi/6": "Pose within 30°",
    "pose pi/18": "Pose within 10°",
}
_NOTES = {
    "average": "mean over all steps",
    "last": "all classes, after the last step",
    "forgetting": "lower is better",
    "pose pi/6": "share of all test images",
    "pose pi/18": "share of all test images",
}
_OPEN_CELLS = 80
"""Tables with more numbers than this start folded."""


@dataclass(frozen=True)
class Cell:
    """One cell; ``percent`` (0 to 100) draws a bar behind the number."""

    text: str
    column: str
    spread: str = ""
    percent: float | None = None
    number: bool = True
    published: bool = False


@dataclass(frozen=True)
class Row:
    """One row; ``colour`` is the CSS variable of its method."""

    key: str
    label: str
    colour: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class TableView:
    """A CSV file as a table of the page."""

    file: str
    columns: tuple[tuple[str, str], ...]
    """Heading and unit."""
    rows: tuple[Row, ...]
    first: str = "method"

    @property
    def folded(self) -> bool:
        """Whether it starts closed."""
        return len(self.rows) * len(self.columns) > _OPEN_CELLS


@dataclass(frozen=True)
class Block:
    """A figure, its table, or both."""

    name: str
    title: str
    caption: str
    figure: str = ""
    figure_file: str = ""
    table: TableView | None = None


@dataclass(frozen=True)
class Card:
    """One headline quantity over methods."""

    title: str
    note: str
    file: str
    rows: tuple[Row, ...]
    """Each with one cell."""


@dataclass(frozen=True)
class ExperimentView:
    """One experiment."""

    name: str
    settings: ExperimentSettings
    cards: tuple[Card, ...]
    blocks: tuple[Block, ...]


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


def table_view(table: pd.DataFrame, file: str) -> TableView:
    """View of a table; spreads join the value they belong to, the label takes the place of the method's name."""
    spreads = {spread(name) for name in table.columns}
    hidden = {table.columns[0], "label", *spreads}
    if "seeds" in table and (table["seeds"] == "1").all():
        hidden.add("seeds")
    columns = [name for name in table.columns if name not in hidden]
    colours = {}
    if "method" in table:
        colours = {name: f"var({CSS_VARIABLES[look.colour]})" for name, look in looks(table["method"]).items()}
    rows = []
    for position, key in enumerate(row_keys(table)):
        row = table.iloc[position]
        label = row["label"] if "label" in table else row.iloc[0]
        cells = tuple(_cell(row, name) for name in columns)
        rows.append(Row(key, label, colours.get(row.iloc[0], ""), cells))
    return TableView(file, tuple(_heading(name) for name in columns), tuple(rows), table.columns[0])


def _heading(column: str) -> tuple[str, str]:
    return quantity(column).replace("pi/", "π/"), unit(column)


def _cell(row: pd.Series, column: str) -> Cell:
    text, numeric = row[column], bool(unit(column)) or column in ("exemplars", "seeds", "jobs", "step")
    percent = None
    if unit(column) == "%" and text:
        percent = min(100.0, max(0.0, float(text)))
    shown = f"{int(text):,}".replace(",", "\u202f") if text.isdecimal() and len(text) > 4 else text
    found = row.get(spread(column), "")
    return Cell(shown, column, found, percent, numeric, "published" in column)


def cards(table: pd.DataFrame, file: str) -> tuple[Card, ...]:
    """Headline quantities of a `summary` table; quantities that no run measured are left out."""
    view = table_view(table, file)
    found = []
    for index, (heading, unit_name) in enumerate(view.columns):
        name = heading.replace("π/", "pi/")
        rows = tuple(Row(row.key, row.label, row.colour, (row.cells[index],)) for row in view.rows)
        if unit_name == "%" and any(row.cells[0].text for row in rows):
            found.append(Card(_TITLES.get(name, heading), _NOTES.get(name, ""), file, rows))
    return tuple(found)


def blocks(settings: ExperimentSettings, tables: Mapping[str, pd.DataFrame], figures: Mapping[str, str]) -> list[Block]:
    """Figures and tables in the experiment's order; a figure and a table of one name stand together.

    Args:
        settings: of the experiment.
        tables: by name, as text.
        figures: SVG text by name.
    """
    shown = {artifact.name: artifact for artifact in (*settings.figures, *settings.tables)}
    order = [artifact.name for artifact in settings.tables]
    place = 0
    for name in (artifact.name for artifact in settings.figures):
        if name not in order:
            order.insert(place, name)
        place = order.index(name) + 1
    return [_block(shown[name], name, tables, figures) for name in order]


def _block(artifact: Artifact, name: str, tables: Mapping[str, pd.DataFrame], figures: Mapping[str, str]) -> Block:
    title = artifact.title or name.replace("-", " ").capitalize()
    caption = " ".join(artifact.caption.split())
    figure = inline_svg(figures[name], f"figure-{name}", f"Figure: {title}. {caption}") if name in figures else ""
    table = table_view(tables[name], f"tables/{name}.csv") if name in tables else None
    return Block(name, title, caption, figure, f"figures/{name}.svg" if figure else "", table)


def experiment_view(
    name: str, settings: ExperimentSettings, tables: Mapping[str, pd.DataFrame], figures: Mapping[str, str]
) -> ExperimentView:
    """View of an experiment; its first `summary` table gives the headline numbers."""
    summaries = [t.name for t in settings.tables if t.kind == "summary" and t.name in tables]
    headline = cards(tables[summaries[0]], f"tables/{summaries[0]}.csv") if summaries else ()
    return ExperimentView(name, settings, headline, tuple(blocks(settings, tables, figures)))


@dataclass(frozen=True)
class RunView:
    """One run: its names, how long its jobs took in all, and where its resolved settings are."""

    label: str
    colour: str
    names: tuple[str, ...]
    time: str
    link: str


@dataclass(frozen=True)
class SettingsView:
    """Resolved settings of a dataset, protocol or method, as `a.b` -> text."""

    title: str
    description: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DatasetView:
    """A dataset and its contact sheet (SVG element, empty when there is none)."""

    name: str
    description: str
    sheet: str


@dataclass(frozen=True)
class Report:
    """Everything on the page."""

    experiments: tuple[ExperimentView, ...]
    datasets: tuple[DatasetView, ...]
    facts: tuple[Fact, ...]
    runtime: TableView
    runs: tuple[RunView, ...]
    settings: tuple[SettingsView, ...]
    files: tuple[str, ...]
    """Files beside the page, relative to it."""

    def fact(self, name: str) -> str:
        """Value of a fact, "" when it is not known."""
        return next((fact.value for fact in self.facts if fact.name == name), "")


def flat_settings(values: object, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as `a.b` -> text, in their order."""
    if isinstance(values, Mapping):
        found: list[tuple[str, str]] = []
        for key, value in values.items():
            found += flat_settings(value, f"{prefix}.{key}" if prefix else str(key))
        return found
    if isinstance(values, list):
        return [(prefix, ", ".join(map(str, values)) or "none")]
    return [(prefix, "none" if values is None else str(values))]
