"""What stands on the report's page: plain values for the templates, made from the files of the report.

Every number is a cell of a CSV file and keeps that file, its row and its column, so that it can be traced.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from meshcil.config.experiment import Artifact, ExperimentSettings
from meshcil.core.naming import load_module
from meshcil.reporting.cells import Anchors, Row, TableView, table_view
from meshcil.reporting.claims import Source, counts_apart
from meshcil.reporting.facts import Fact
from meshcil.reporting.forest import Plot, Scale, forest, scale
from meshcil.reporting.headline import GLOSSARY, headline
from meshcil.reporting.html import environment, inline_svg
from meshcil.reporting.provenance import Contrast, Origin
from meshcil.reporting.table import Table

_TITLES = {
    "average": "Average accuracy",
    "last": "Last accuracy",
    "forgetting": "Forgetting",
    "pose pi/6": "Pose within 30°",
    "pose pi/18": "Pose within 10°",
}
_NOTES = {
    "average": "mean over all steps",
    "last": "all classes, at the end",
    "forgetting": "lower is better",
    "pose pi/6": "share of all test images",
    "pose pi/18": "share of all test images",
}


@dataclass(frozen=True)
class FigureView:
    """An SVG element, the file it is from and the PDF next to that; title and note where it needs its own."""

    file: str
    paper: str
    svg: str
    note: str = ""
    title: str = ""


@dataclass(frozen=True)
class Block:
    """A table, its figures, or both."""

    name: str
    title: str
    caption: str
    figures: tuple[FigureView, ...]
    table: TableView | None
    pictured: bool = False
    """Whether it shows images, which need the whole width of the page."""
    answers: tuple[str, ...] = ()
    """What the table comes to, in a sentence each."""


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
    facts: tuple[Fact, ...]
    """What it consists of and what it took."""
    cards: tuple[Card, ...]
    blocks: tuple[Block, ...]
    headline: str = ""

    @property
    def lead(self) -> Block | None:
        """The main figure, with its table: the first that draws numbers."""
        return next((block for block in self.blocks if block.figures and not block.pictured), None)

    @property
    def rest(self) -> tuple[Block, ...]:
        """The other blocks."""
        return tuple(block for block in self.blocks if block is not self.lead)


def cards(table: Table, file: str, anchors: Anchors = MappingProxyType({})) -> tuple[Card, ...]:
    """Headline quantities of a `summary` table; quantities that no run measured are left out.

    Rows of one method are told apart by their budgets.
    """
    view = table_view(table, file, anchors)
    often = Counter(row.label for row in view.rows)
    budgets = table.names["budget"] if "budget" in table.names else [""] * len(view.rows)
    labels = [
        f"{row.label}, {budget}" if often[row.label] > 1 else row.label
        for row, budget in zip(view.rows, budgets, strict=True)
    ]
    found = []
    for index, heading in enumerate(view.columns):
        name = heading.text.replace("π/", "pi/")
        rows = tuple(
            Row(row.key, label, row.colour, (row.cells[index],)) for row, label in zip(view.rows, labels, strict=True)
        )
        if heading.unit == "%" and any(row.cells[0].text for row in rows):
            found.append(Card(_TITLES.get(name, heading.text), _NOTES.get(name, ""), file, rows))
    return tuple(found)


def blocks(
    settings: ExperimentSettings,
    tables: Mapping[str, Table],
    figures: Mapping[str, str],
    anchors: Mapping[str, Anchors] = MappingProxyType({}),
) -> list[Block]:
    """Tables in the experiment's order, each with the figures of its name (`budget`, `budget-images`).

    A figure without such a table stands alone, after the figure before it.

    Args:
        settings: of the experiment.
        tables: by name, as read.
        figures: SVG text by name.
        anchors: of the cells, by file.
    """
    heads: dict[str, Artifact] = {table.name: table for table in settings.tables}
    members: dict[str, list[Artifact]] = {name: [] for name in heads}
    order = list(heads)
    last = -1
    for figure in settings.figures:
        owner = next((name for name in heads if figure.name == name or figure.name.startswith(f"{name}-")), figure.name)
        if figure.name in heads or owner not in members:
            owner = figure.name
        if owner not in members:
            heads[owner], members[owner] = figure, []
            order.insert(last + 1, owner)
        members[owner].append(figure)
        last = order.index(owner)
    return [_block(heads[name], members[name], tables, figures, anchors) for name in order]


def _block(
    head: Artifact,
    members: Sequence[Artifact],
    tables: Mapping[str, Table],
    figures: Mapping[str, str],
    anchors: Mapping[str, Anchors],
) -> Block:
    caption = _plain(head.caption)
    views = []
    for figure in members:
        if figure.name in figures:
            note = "" if _plain(figure.caption) == caption else _plain(figure.caption)
            description = f"Figure: {figure.title or head.title or head.name}. {note or caption}"
            svg = inline_svg(figures[figure.name], f"figure-{figure.name}", description)
            title = figure.title if figure.title != head.title or len(members) > 1 else ""
            views.append(FigureView(f"figures/{figure.name}.svg", f"figures/{figure.name}.pdf", svg, note, title))
    file, table = f"tables/{head.name}.csv", tables.get(head.name)
    view = None if table is None else table_view(table, file, anchors.get(file, {}))
    said = () if table is None else _answers(head.kind, table)
    title = head.title or head.name.replace("-", " ").capitalize()
    pictured = any(figure.kind == "pose-overlays" for figure in members)
    return Block(head.name, title, caption, tuple(views), view, pictured, tuple(said))


def _answers(kind: str, table: Table) -> Sequence[str]:
    """What a table comes to, where its kind says it."""
    module = load_module("meshcil.reporting.tables", kind)
    return module.answers(table) if hasattr(module, "answers") else ()


def _plain(caption: str) -> str:
    return " ".join(caption.split())


def experiment_view(
    name: str,
    settings: ExperimentSettings,
    tables: Mapping[str, Table],
    figures: Mapping[str, str],
    anchors: Mapping[str, Anchors],
    known: tuple[Fact, ...] = (),
) -> ExperimentView:
    """View of an experiment; its first `summary` table gives the headline numbers."""
    summaries = [t.name for t in settings.tables if t.kind == "summary" and t.name in tables]
    file = f"tables/{summaries[0]}.csv" if summaries else ""
    shown = cards(tables[summaries[0]], file, anchors.get(file, {})) if summaries else ()
    found = tuple(blocks(settings, tables, figures, anchors))
    said = headline(tables[summaries[0]]) if summaries else ""
    return ExperimentView(name, settings, known, shown, found, said)


@dataclass(frozen=True)
class RunView:
    """One run: its names, how long its jobs took in all, and where its resolved settings are.

    The first step counts in each of the runs that share it.
    """

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

    claims: tuple[Source, ...]
    experiments: tuple[ExperimentView, ...]
    datasets: tuple[DatasetView, ...]
    facts: tuple[Fact, ...]
    runtime: TableView
    runs: tuple[RunView, ...]
    settings: tuple[SettingsView, ...]
    files: tuple[str, ...]
    """Files beside the page, relative to it."""
    origins: tuple[Origin, ...]
    """What the numbers of the tables were made from."""
    contrasts: tuple[Contrast, ...]
    """What the differences of the claims were made from."""
    up: str
    """From the page to the folder that paths in records are relative to, with `/` at its end."""

    @property
    def verdicts(self) -> dict[str, dict[str, int]]:
        """Number of judged claims by who judged and verdict."""
        return counts_apart(self.claims)

    @property
    def glossary(self) -> Mapping[str, str]:
        """Words of the page and what they mean."""
        return GLOSSARY

    @property
    def forest(self) -> tuple[Plot, ...]:
        """The claims, drawn."""
        return forest(self.claims)

    @property
    def scale(self) -> Scale:
        """Of these drawings."""
        return scale()

    def html(self) -> str:
        """Text of the page."""
        return environment().get_template("report.html.j2").render(report=self)

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
    if isinstance(values, bool):
        return [(prefix, "yes" if values else "no")]
    return [(prefix, "none" if values is None else str(values))]
