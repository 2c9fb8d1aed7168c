"""Tables of the report: columns with unit, spread and published values; every cell knows the scores it was made from.

In a CSV file a column is ``name [unit]``, its spread over seeds ``name std [unit]``, what a paper states ``name
published [unit]``. A value that was not measured is blank.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from meshcil.core.errors import InputError
from meshcil.core.naming import known_names
from meshcil.reporting.scores import RUN, SOURCES, over_seeds

_FORMATS: dict[str, Callable[[float], str]] = {
    "%": "{:z.2f}".format,
    "MiB": "{:z.3f}".format,
    "s": "{:z.1f}".format,
    "deg": "{:z.2f}".format,
}
MIB = 2**20
_DIFFERENCES = ("gain", "change", "lead", "low", "high")
"""Last words of quantities that are differences of shares."""
_NO_KEYS = ("label", "seeds")
VALUE, SPREAD, PUBLISHED = "", "std", "published"
"""Parts of a column."""
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {character: "\\" + character for character in "&%$#_{}"}
_PATTERN = re.compile("|".join(map(re.escape, _SPECIAL)))
_DIRECTLY = {"±": r"$\pm$", "π": r"$\pi$", "°": r"$^\circ$", "\u202f": r"\,", "–": "--"}
_RIGHT = ("exemplars", "seeds")
"""Counts that stand at the right of their columns in LaTeX, as numbers with a unit do."""
Sources = tuple[int, ...]
"""Numbers of the scores' rows that a cell was made from."""


@dataclass(frozen=True, eq=False)
class Column:
    """A quantity to be put into a table.

    Attributes:
        rows: one row per seed with ``value`` and the `SOURCES` of it.
        unit: of the values; "" for counts.
        varies: over seeds, so that a spread belongs to it; bytes and counts follow from the settings alone.
    """

    rows: pd.DataFrame
    unit: str = ""
    varies: bool = False


def percent(rows: pd.DataFrame) -> Column:
    """Fractions as percent."""
    return Column(rows.assign(value=100.0 * rows["value"]), "%", varies=True)


def mebibytes(rows: pd.DataFrame) -> Column:
    """Bytes as MiB (2^20 bytes)."""
    return Column(rows.assign(value=rows["value"] / MIB), "MiB")


class Part(NamedTuple):
    """One column of the CSV file: the values of a column of the table, their spread, or what is published."""

    heading: str
    name: str
    unit: str
    kind: str
    cells: pd.Series

    @property
    def head(self) -> str:
        """Heading as readers see it: a difference of percentages is in points."""
        return _heading(self.name, shown_unit(self.name, self.unit), self.kind)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with names and values; the frames have one index, and columns are called by their names without unit.

    Attributes:
        names: what names the rows, and the number of seeds.
        values: numbers (NaN where not measured), or texts.
        units: of the columns of ``values`` that have one.
        spreads: standard deviation over seeds, of some columns.
        published: what a paper states, of some columns.
        sources: `Sources` of each cell, of columns made from scores; NaN or () where none.
    """

    names: pd.DataFrame
    values: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    spreads: pd.DataFrame = field(default_factory=pd.DataFrame)
    published: pd.DataFrame = field(default_factory=pd.DataFrame)
    sources: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def keys(self) -> list[str]:
        """Name of each row, see `row_keys`."""
        return row_keys(self._key_frame)

    @property
    def _key_frame(self) -> pd.DataFrame:
        """Columns that may name a row: neither numbers with a unit, nor labels or counts of seeds."""
        names = self.names[[name for name in self.names.columns if name not in _NO_KEYS]]
        return names.join(self.values[[name for name in self.values.columns if not self.units.get(name)]])

    def parts(self) -> Iterator[Part]:
        """Columns of the CSV file in their order."""
        for name in self.names.columns:
            yield Part(name, name, "", VALUE, self.names[name])
        for name in self.values.columns:
            unit = self.units.get(name, "")
            for kind, frame in ((VALUE, self.values), (SPREAD, self.spreads), (PUBLISHED, self.published)):
                if name in frame.columns:
                    yield Part(_heading(name, unit, kind), name, unit, kind, frame[name])

    def take(self, rows: pd.Index) -> "Table":
        """Some rows, by their labels in ``names``, in this order."""
        frames = {name: getattr(self, name) for name in ("names", "values", "spreads", "published", "sources")}
        return replace(
            self, **{name: f.loc[rows].reset_index(drop=True) for name, f in frames.items() if len(f.columns)}
        )

    def texts(self) -> pd.DataFrame:
        """Each cell as the text that stands in the CSV, by heading; what was not measured is ""."""
        made = {part.heading: [_text(value, part.unit) for value in part.cells] for part in self.parts()}
        return pd.DataFrame(made, dtype=str)

    def csv(self) -> str:
        """Text of the CSV file, with `\\n` line ends."""
        return self.texts().to_csv(index=False, lineterminator="\n")

    def latex(self) -> str:
        """The table for a paper, with the rules of the package booktabs.

        A spread over seeds joins its value, what was not measured is a dash.
        """
        texts = self.texts()
        columns = [part for part in self.parts() if part.kind != SPREAD]
        spreads = {part.name: texts[part.heading] for part in self.parts() if part.kind == SPREAD}
        lines = [
            rf"\begin{{tabular}}{{{''.join('r' if part.unit or part.name in _RIGHT else 'l' for part in columns)}}}",
            r"\toprule",
            f"{' & '.join(escape(part.head) for part in columns)} \\\\",
            r"\midrule",
        ]
        for row in texts.index:
            cells = []
            for part in columns:
                text = texts.at[row, part.heading]
                deviation = spreads[part.name][row] if part.kind == VALUE and part.name in spreads else ""
                cells.append(escape(f"{text} ± {deviation}" if deviation else text or "–"))
            lines.append(f"{' & '.join(cells)} \\\\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])

    def origins(self) -> dict[tuple[str, str], Sources]:
        """(Row, heading) of each number made from scores -> these; a spread is made from what its value is."""
        found = {}
        keys = self.keys
        for part in self.parts():
            if part.name in self.sources.columns and part.kind != PUBLISHED:
                for key, value, rows in zip(keys, part.cells, self.sources[part.name], strict=True):
                    if pd.notna(value) and isinstance(rows, tuple) and rows:
                        found[key, part.heading] = rows
        return found

    def find_row(self, row: str, where: str) -> int:
        """Position of the one row that is called so.

        A row is called by its key, or by what stands in its first columns, as many as one likes, with `/` between them
        (`inemo`, `inemo/total-96`); its label may stand for the first.

        Args:
            row: what was asked for.
            where: the file, for the message.

        Raises:
            InputError: when no row fits, or several do; names those.
        """
        keys = self.keys
        fitting = [i for i, key in enumerate(keys) if key == row] or [
            i for i, names in enumerate(self._called()) if row in names
        ]
        if len(fitting) != 1:
            known = [keys[i] for i in fitting]
            remedy = f"It fits: {', '.join(known)}" if known else known_names(row, keys, "Rows")
            raise InputError(where, f"has no single row `{row}`", remedy)
        return fitting[0]

    def _called(self) -> Iterator[set[str]]:
        """What each row may be called: its first columns, one or more."""
        first, *others = self._key_frame.columns
        heads = [self._key_frame[first], *([self.names["label"]] if "label" in self.names else [])]
        for row, cells in self._key_frame[others].iterrows():
            tails = [list(map(_key, cells))[:number] for number in range(len(others) + 1)]
            yield {"/".join([_key(head[row]), *tail]) for head in heads for tail in tails}

    def find_column(self, column: str, where: str) -> Part:
        """The one column with this heading, or with this heading but for its unit (``L2`` for ``L2 [%]``).

        Raises InputError when there is none, or more than one.
        """
        parts = list(self.parts())
        found = [part for part in parts if column in (part.heading, _heading(part.name, "", part.kind))]
        if len(found) != 1:
            known = ", ".join(part.heading for part in parts)
            raise InputError(where, f"has no single column `{column}`", f"Columns: {known}")
        return found[0]


def escape(text: str) -> str:
    """Text in which LaTeX finds no command."""
    escaped = _PATTERN.sub(lambda found: _SPECIAL[found.group()], text)
    for character, command in _DIRECTLY.items():
        escaped = escaped.replace(character, command)
    return escaped


def _heading(name: str, unit: str, kind: str) -> str:
    return f"{name}{f' {kind}' if kind else ''}{f' [{unit}]' if unit else ''}"


def _text(value: object, unit: str) -> str:
    if pd.isna(value):
        return ""
    if isinstance(value, str):
        return value
    number = float(value)
    if unit in _FORMATS:
        return _FORMATS[unit](number)
    return str(int(number)) if number == int(number) else f"{number:.4g}"


def shown_unit(name: str, unit: str) -> str:
    """Unit as readers see it: a difference of percentages is in points."""
    return "points" if unit == "%" and name.split(" ")[-1] in _DIFFERENCES else unit


def assemble(rows: pd.DataFrame, columns: Mapping[str, Column], *by: str) -> Table:
    """One row per run (and value of ``by``), named, with the mean of each quantity and its spread over seeds.

    Args:
        rows: scores that decide which rows there are, also those without a measured value.
        columns: by name.
        by: further columns of the scores that tell rows apart.

    Returns:
        Names ``method, label, budget``, ``dataset`` and ``protocol`` where they vary, ``by``, ``seeds``; spreads only
        when a run has more than one seed.
    """
    keys = [*RUN, *by]
    seeds = rows.groupby(RUN, sort=False)["seed"].nunique().rename("seeds").reset_index()
    names = rows[keys].drop_duplicates().merge(seeds, on=RUN, how="left")
    found = {name: names[keys].merge(over_seeds(c.rows, *by), on=keys, how="left") for name, c in columns.items()}
    varying = [name for name in ("dataset", "protocol") if names[name].nunique() > 1]
    several = bool((names["seeds"] > 1).any())
    spread = [name for name, column in columns.items() if several and column.varies]
    return Table(
        names[["method", "label", "budget", *varying, *by, "seeds"]],
        pd.DataFrame({name: part["mean"] for name, part in found.items()}, names.index),
        {name: column.unit for name, column in columns.items()},
        pd.DataFrame({name: found[name]["std"] for name in spread}, names.index),
        sources=pd.DataFrame({name: part[SOURCES] for name, part in found.items()}, names.index),
    )


def row_keys(names: pd.DataFrame) -> list[str]:
    """Name of each row: its first column, extended by the next columns (``inemo/total-24``) until names differ.

    Args:
        names: text columns; labels and counts of seeds name no row.
    """
    columns = [name for name in names.columns if name not in _NO_KEYS]
    for width in range(1, len(columns) + 1):
        keys = ["/".join(map(_key, row)) for row in names[columns[:width]].itertuples(index=False)]
        if len(set(keys)) == len(keys):
            return keys
    return [str(index) for index in range(len(names))]


def row_names(names: pd.DataFrame) -> list[str]:
    """Label of each row, with what else tells rows of one label apart."""
    found = list(names["label"])
    for column in ("budget", "protocol", "dataset"):
        if column in names.columns:
            longer = [f"{name}, {value}" for name, value in zip(found, names[column], strict=True)]
            found = longer if len(set(longer)) > len(set(found)) else found
    return found


def _key(value: object) -> str:
    return _text(value, "")


def read_texts(path: Path) -> pd.DataFrame:
    """A CSV file of the report, as text. Raises InputError when the file is missing or is not CSV."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "Run the `table` stage that writes it") from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(path, f"is not a readable CSV file ({error})", "Delete it and write it again") from error


def read_table(path: Path) -> Table:
    """A table of the report; its cells are texts, and know no scores.

    Raises:
        InputError: see `read_texts`.
    """
    return from_texts(read_texts(path))


def from_texts(texts: pd.DataFrame) -> Table:
    """The table that has these cells in its CSV file (`Table.texts`)."""
    columns = list(texts.columns)
    units = {heading: heading[heading.rindex("[") + 1 : -1] for heading in columns if heading.endswith("]")}
    first = next((i for i, heading in enumerate(columns) if heading in units), len(columns))
    start = columns.index("seeds") + 1 if "seeds" in columns else first
    frames: dict[str, dict[str, pd.Series]] = {VALUE: {}, SPREAD: {}, PUBLISHED: {}}
    found: dict[str, str] = {}
    for heading in columns[start:]:
        unit = units.get(heading, "")
        name = heading.removesuffix(f" [{unit}]")
        # A part follows its value, so that `std` or `published` at the end of any other name is part of that name.
        kind = next((k for k in (SPREAD, PUBLISHED) if found.get(name.removesuffix(f" {k}")) == unit), VALUE)
        name = name.removesuffix(f" {kind}")
        found.setdefault(name, unit)
        frames[kind][name] = texts[heading]
    made = {kind: pd.DataFrame(frame, texts.index, dtype=str) for kind, frame in frames.items()}
    return Table(texts[columns[:start]], made[VALUE], found, made[SPREAD], made[PUBLISHED])
