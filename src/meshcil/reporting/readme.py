"""The measured part of README.md: numbers and pictures of the report, never typed by hand.

Reads the tables and figures of the experiment `laptop` and the records behind its scores, rewrites what stands between
`BEGIN` and `END`, and copies the pictures.
"""

import os
from pathlib import Path

from meshcil.core.artifacts import write_bytes_atomic, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.reporting.facts import made_by
from meshcil.reporting.kept import experiment_records
from meshcil.reporting.markdown import cell
from meshcil.reporting.table import Table, read_table

EXPERIMENT = "laptop"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
FIGURES = {
    "steps": "Accuracy on all classes seen, after each step",
    "occlusion": "Accuracy with more and more of the object hidden",
}
SHEET = "contact-sheet-primitives3d"
COLUMNS = (
    ("summary", "average", "average"),
    ("summary", "last", "last"),
    ("summary", "forgetting", "forgetting"),
    ("occlusion", "L1", "L1"),
    ("occlusion", "L2", "L2"),
    ("occlusion", "L3", "L3"),
    ("summary", "pose pi/6", "pose within 30°"),
    ("summary", "pose pi/18", "pose within 10°"),
)
"""Table, its column, heading in the README."""
_RUN = ["method", "budget"]
_REMEDY = "Run `make reproduce` first"


def rewrite_readme(reports: Path, readme: Path, images: Path) -> None:
    """Rewrite the measured part of ``readme`` and copy its pictures to ``images``; nothing is written on an error.

    Args:
        reports: folder with `tables` and `figures`, inside the working folder that the records speak of.
        readme: Markdown file with the two marker lines.
        images: folder for the pictures.

    Raises:
        InputError: when a table, column, figure, record or marker is missing.
    """
    text = read_text(readme)
    tables = {name: read_table(reports / "tables" / f"{name}.csv") for name in ("summary", "occlusion")}
    made = made_by(list(experiment_records(EXPERIMENT, reports.parent).values()))
    pictures = {name: _picture(reports / "figures" / f"{name}.svg") for name in (*FIGURES, SHEET)}
    folder = Path(os.path.relpath(images, readme.parent)).as_posix()
    part = "\n\n".join([_figures(folder), number_table(tables, reports), made, _sheet(folder)])
    text = replace_part(text, part, readme)
    for name, content in pictures.items():
        write_bytes_atomic(images / f"{name}.svg", content)
    write_text_atomic(readme, text)


def replace_part(text: str, part: str, where: Path, begin: str = BEGIN, end: str = END) -> str:
    """``text`` with ``part`` between the markers.

    Raises InputError when the markers are not there exactly once, in their order.
    """
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise InputError(where, f"lacks the lines {begin} and {end}", "Put each there once, in this order")
    head, rest = text.split(begin)
    return f"{head}{begin}\n\n{part}\n\n{end}{rest.split(end)[1]}"


def number_table(tables: dict[str, Table], reports: Path) -> str:
    """Markdown table with one line per run of the summary; cells are the CSV's own text.

    Args:
        tables: `summary` and `occlusion` as read.
        reports: folder they are from, for the message.

    Raises:
        InputError: when a column or a run is missing.
    """
    for name, table in tables.items():
        wanted = ["label", *_RUN, *(column for source, column, _ in COLUMNS if source == name)]
        missing = [column for column in wanted if column not in {*table.names, *table.values}]
        if missing:
            raise InputError(reports / "tables" / f"{name}.csv", f"lacks the columns {', '.join(missing)}", _REMEDY)
    rows = {name: {tuple(row[_RUN]): i for i, row in table.names.iterrows()} for name, table in tables.items()}
    lines = [f"| method | exemplars | {' | '.join(heading for _, _, heading in COLUMNS)} |"]
    lines.append(f"|---|---|{'---:|' * len(COLUMNS)}")
    for run, row in rows["summary"].items():
        if run not in rows["occlusion"]:
            raise InputError(reports / "tables" / "occlusion.csv", f"has no row {'/'.join(run)}", _REMEDY)
        cells = [_cell(tables[name], rows[name][run], column) for name, column, _ in COLUMNS]
        lines.append(f"| {cell(tables['summary'].names.at[row, 'label'])} | `{run[1]}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(table: Table, row: int, column: str) -> str:
    text, deviation = table.values.at[row, column], table.spreads.at[row, column] if column in table.spreads else ""
    return f"{text} ± {deviation}" if deviation else text


def _figures(folder: str) -> str:
    found = [f'<img src="{folder}/{name}.svg" width="49%" alt="{text}">' for name, text in FIGURES.items()]
    return "\n".join(found)


def _sheet(folder: str) -> str:
    return f"![Images of every class, in training and under every test set]({folder}/{SHEET}.svg)"


def _picture(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", _REMEDY) from error


def read_text(path: Path) -> str:
    """Text of a document; an `InputError` when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", "Name a copy of the repository with `--into`") from error
