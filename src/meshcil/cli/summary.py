"""What a finished run came to: the headline numbers and where the page is."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from meshcil.config.experiment import load_experiment
from meshcil.reporting.headline import headline
from meshcil.reporting.table import Table, read_table, row_names, shown_unit

QUANTITIES = ("average", "last", "forgetting")
PAGE = Path("reports/index.html")


def summary(experiments: Sequence[str], config: Path, reports: Path = PAGE.parent) -> str:
    """Text for the end of the screen: method, average, last and forgetting of each experiment, and the page's address.

    Args:
        experiments: names.
        config: folder with the configuration.
        reports: folder of the page, with `tables`.

    Raises:
        InputError: when a table cannot be read.
    """
    blocks = []
    for name in experiments:
        tables = [table.name for table in load_experiment(name, config).tables if table.kind == "summary"]
        files = [file for file in (reports / "tables" / f"{table}.csv" for table in tables) if file.is_file()]
        if files:
            table = read_table(files[0])
            blocks.append("\n".join([f"{name}:", *_lines(table), *filter(None, [headline(table)])]))
    page = (reports / PAGE.name).resolve()
    return "\n\n".join([*blocks, f"Report: {page.as_uri()}"])


def _lines(table: Table) -> Iterator[str]:
    names = row_names(table.names)
    columns = [name for name in QUANTITIES if name in table.values]
    heads = [f"{name} [{shown_unit(name, table.units.get(name, ''))}]" for name in columns]
    width = max([len(name) for name in names] + [len("method")])
    yield f"  {'method':{width}s}" + "".join(f"{head:>18s}" for head in heads)
    for row, name in enumerate(names):
        yield f"  {name:{width}s}" + "".join(f"{_cell(table, row, column):>18s}" for column in columns)


def _cell(table: Table, row: int, column: str) -> str:
    spread = table.spreads.at[row, column] if column in table.spreads else ""
    text = str(table.values.at[row, column]) or "–"
    return f"{text} ± {spread}" if spread else text
