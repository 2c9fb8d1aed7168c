"""A table of the report as it stands on the page: texts, bars behind shares, links to where numbers come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from meshcil.reporting.headline import GLOSSARY
from meshcil.reporting.palette import CSS_VARIABLES, looks
from meshcil.reporting.table import PUBLISHED, SPREAD, VALUE, Part, Table, shown_unit

_COUNTS = ("exemplars", "seeds", "hosts", "jobs", "step")
_OPEN_CELLS = 80
"""Tables with more numbers than this start folded."""
_HALF_WIDTH = 74
"""Characters that fit beside a figure, the first column aside."""


@dataclass(frozen=True)
class Cell:
    """One cell; ``percent`` (0 to 100) draws a bar behind the number, ``origin`` is where the page explains it."""

    text: str
    column: str
    spread: str = ""
    percent: float | None = None
    number: bool = True
    published: bool = False
    origin: str = ""


@dataclass(frozen=True)
class Row:
    """One row; ``colour`` is the CSS variable of its method."""

    key: str
    label: str
    colour: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Heading:
    """Heading of a column."""

    text: str
    unit: str
    number: bool
    meaning: str = ""


@dataclass(frozen=True)
class TableView:
    """A CSV file as a table of the page."""

    file: str
    columns: tuple[Heading, ...]
    rows: tuple[Row, ...]
    first: str
    seeds: str
    """Number of seeds when all rows have the same and more than one, else ""."""

    @property
    def folded(self) -> bool:
        """Whether it starts closed."""
        return len(self.rows) * len(self.columns) > _OPEN_CELLS

    @property
    def broad(self) -> bool:
        """Whether it needs the whole width of the page."""
        widths = [len(heading.text) + len(heading.unit) for heading in self.columns]
        for row in self.rows:
            lengths = (len(c.text) + (len(c.spread) + 3 if c.spread else 0) for c in row.cells)
            widths = [max(pair) for pair in zip(widths, lengths, strict=True)]
        return sum(widths) + 3 * len(widths) > _HALF_WIDTH


Anchors = Mapping[tuple[str, str], str]
"""Row and column of a table -> where the page says what made the number."""


def table_view(table: Table, file: str, anchors: Anchors = MappingProxyType({})) -> TableView:
    """View of a table that was read; spreads join the value they belong to, labels take the place of method names."""
    names, keys = table.names, table.keys
    first = str([*names.columns, *table.values.columns][0])
    seeds = set(names["seeds"]) if "seeds" in names else set()
    hidden = {first, "label", *(["seeds"] if len(seeds) == 1 else [])}
    parts = [part for part in table.parts() if part.kind != SPREAD and part.heading not in hidden]
    linked = {heading for _, heading in anchors}
    numbers = [bool(part.unit) or part.name in _COUNTS or part.heading in linked for part in parts]
    colours = {}
    if "method" in names:
        colours = {name: f"var({CSS_VARIABLES[look.colour]})" for name, look in looks(names["method"]).items()}
    rows = []
    for row, key in zip(names.index, keys, strict=True):
        cells = [
            _cell(table, part, row, number, anchors.get((key, part.heading), ""))
            for part, number in zip(parts, numbers, strict=True)
        ]
        called = names.at[row, first]
        label = names.at[row, "label"] if "label" in names else called
        rows.append(Row(key, label, colours.get(called, ""), tuple(cells)))
    several = seeds.pop() if len(seeds) == 1 and seeds != {"1"} else ""
    return TableView(file, tuple(map(_heading, parts, numbers)), tuple(rows), first, several)


def _heading(part: Part, number: bool) -> Heading:
    name = part.name if part.kind == VALUE else f"{part.name} {part.kind}"
    meaning = GLOSSARY.get(part.name, "")
    return Heading(name.replace("pi/", "π/"), shown_unit(part.name, part.unit), number, meaning)


def _cell(table: Table, part: Part, row: int, number: bool, origin: str) -> Cell:
    text, percent = part.cells[row], None
    if shown_unit(part.name, part.unit) == "%" and text:
        percent = min(100.0, max(0.0, float(text)))
    shown = f"{int(text):,}".replace(",", "\u202f") if text.isdecimal() and len(text) > 4 else text
    found = table.spreads.at[row, part.name] if part.kind == VALUE and part.name in table.spreads else ""
    return Cell(shown, part.heading, found, percent, number, part.kind == PUBLISHED, origin)
