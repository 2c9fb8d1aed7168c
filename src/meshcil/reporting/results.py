"""Measured results to keep next to the code: a page per experiment, with its tables and figures.

Writes `<out>/<experiment>.md`, and the figures, the scores and where they come from (`kept.py`) into
`<out>/<experiment>/`. Pictures of single images stay in the report.
"""

from collections.abc import Sequence
from pathlib import Path

from meshcil.config.claims import PROVENANCE, SCORES
from meshcil.config.experiment import ExperimentSettings, load_experiment
from meshcil.core.artifacts import write_bytes_atomic, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.reporting.cells import TableView
from meshcil.reporting.facts import made_by
from meshcil.reporting.kept import experiment_records, kept_files
from meshcil.reporting.markdown import cell, words
from meshcil.reporting.page import Block, blocks
from meshcil.reporting.table import read_table

_REMEDY = "Run `make reproduce EXPERIMENT={name}` first"


def write_results(name: str, reports: Path, config: Path, out: Path) -> None:
    """Write the page of one experiment and copy its files; nothing is written on an error.

    Args:
        name: of the experiment.
        reports: folder of the report, inside the working folder that the records speak of.
        config: folder with `experiments` and `claims`.
        out: folder of the pages.

    Raises:
        InputError: when a table, figure, record or the collected scores are missing.
    """
    settings = load_experiment(name, config)
    tables = {table.name: reports / "tables" / f"{table.name}.csv" for table in settings.tables}
    figures = [reports / "figures" / f"{figure.name}.svg" for figure in settings.figures if figure.run is None]
    # The page links its figures as files, so that their text is not needed here.
    drawn = {path.stem: "<svg></svg>" for path in figures}
    parts = blocks(settings, {key: read_table(path) for key, path in tables.items()}, drawn)
    files = {path.name: _read(path, name) for path in figures} | kept_files(name, config, reports)
    made = made_by(list(experiment_records(name, reports.parent).values()))
    for file, content in files.items():
        write_bytes_atomic(out / name / file, content)
    write_text_atomic(out / f"{name}.md", _page(name, settings, made, parts))


def _read(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", _REMEDY.format(name=name)) from error


def _page(name: str, settings: ExperimentSettings, made: str, parts: Sequence[Block]) -> str:
    head = [
        f"# {words(settings.title)}",
        words(settings.description),
        f"`make reproduce EXPERIMENT={name}`. {made} Written by `meshcil export results {name}`, with the "
        f"[scores]({name}/{SCORES}) that the tables are made from and [where they come from]({name}/{PROVENANCE}).",
    ]
    return "\n\n".join([*head, *(_section(name, block) for block in parts if block.figures or block.table)]) + "\n"


def _section(name: str, block: Block) -> str:
    lines = [f"## {words(block.title)}", words(block.caption), *(f"**{words(answer)}**" for answer in block.answers)]
    for figure in block.figures:
        file = Path(figure.file).name
        note = words(figure.note)
        lines += [f"![{note or words(block.title)}]({name}/{file})", *([note] if note else [])]
    if block.table is not None:
        lines.append(markdown_table(block.table))
    return "\n\n".join(lines)


def markdown_table(table: TableView) -> str:
    """A table in Markdown, spreads after a ±."""
    heads = [cell(one.text) + (f" [{one.unit}]" if one.unit else "") for one in table.columns]
    lines = [f"| {' | '.join([table.first, *heads])} |"]
    lines.append("|---|" + "".join("---:|" if heading.number else "---|" for heading in table.columns))
    for row in table.rows:
        cells = [f"{one.text} ± {one.spread}" if one.spread else one.text for one in row.cells]
        lines.append(f"| {' | '.join(map(cell, [row.label, *cells]))} |")
    return "\n".join(lines)
