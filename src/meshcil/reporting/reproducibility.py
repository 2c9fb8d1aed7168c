"""REPRODUCIBILITY.md: the verdict on every claim, and the runs that it rests on; written from the report's files.

The verdicts also go, a line per claim, between `BEGIN` and `END` of the README.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from meshcil.core.artifacts import write_text_atomic
from meshcil.core.hashing import sha256_file
from meshcil.reporting.claims import Judged, Source, counts, sources_view
from meshcil.reporting.facts import Record
from meshcil.reporting.gather import read_records
from meshcil.reporting.layout import read_table
from meshcil.reporting.readme import made_by, read_text, replace_part

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
_HEAD = """# Reproducibility

Written by `meshcil export claims` from `reports/tables/claims.csv` and the records behind it;
nothing in it is typed by hand.

A claim is a contrast of scores between runs of the same training seed. It *holds* when the 95 % confidence interval of
its mean over seeds lies above zero and *does not hold* when it lies below. With fewer than three seeds, or zero in the
interval, it is *not decided*. Differences are in percentage points unless the claim says otherwise. Published values
are those of the papers, on their data; ours are on the data named beside them and are not to be compared in size.
"""


def rewrite_claims(reports: Path, page: Path, readme: Path) -> None:
    """Write the page, and the README's line per claim; nothing is written on an error.

    Args:
        reports: folder of the report, inside the working folder that the records speak of.
        page: file for the page.
        readme: Markdown file with the two marker lines.

    Raises:
        InputError: when the table of claims, a record or a marker is missing.
    """
    text = reproducibility(reports)
    lines = verdict_lines(sources_view(read_table(reports / "tables" / "claims.csv")))
    rewritten = replace_part(read_text(readme), lines, readme, BEGIN, END)
    write_text_atomic(page, text)
    write_text_atomic(readme, rewritten)


def reproducibility(reports: Path) -> str:
    """Text of the page.

    Args:
        reports: folder of the report, inside the working folder that the records speak of.

    Raises:
        InputError: when the table of claims or a record is missing.
    """
    sources = sources_view(read_table(reports / "tables" / "claims.csv"))
    records = chain(reports / "tables" / "claims.record.json", reports.parent)
    verdicts = ", ".join(f"{count} {name}" for name, count in counts(sources).items())
    parts = [_HEAD, made_by(list(records.values())), f"**Verdicts:** {verdicts}."]
    return "\n\n".join([*parts, *map(_section, sources), _runs(records)]) + "\n"


def verdict_lines(sources: Sequence[Source]) -> str:
    """Markdown table with a line per claim: how often it holds, over data sets and budgets."""
    lines = ["| claim | here |", "|---|---|"]
    for source in sources:
        lines.append(f"| **{source.name}** | |")
        for first, *others in source.measured:
            marks = [f"{row.mark} {row.verdict}" for row in (first, *others)]
            found = [f"{mark} ({marks.count(mark)})" if others else mark for mark in dict.fromkeys(marks)]
            lines.append(f"| {first.statement.replace('|', '/')} | {', '.join(found)} |")
        if source.unmeasured:
            lines.append(f"| {len(source.unmeasured)} further claims | – not measured |")
    return "\n".join(lines)


def chain(record: Path, work: Path) -> dict[Path, Record]:
    """A record and all records it rests on, by file.

    Args:
        record: its file.
        work: folder that the paths inside the records are relative to.

    Raises:
        InputError: when one is missing or is not a record.
    """
    found: dict[Path, Record] = {}
    waiting = [record]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found |= read_records([path])
            waiting += [work / parent["path"] for parent in found[path].get("parents", ())]
    return found


def _section(source: Source) -> str:
    lines = [f"## {source.name}", "", source.url]
    if source.measured:
        lines += [
            "",
            "| claim | published | measured on | difference | seeds | verdict |",
            "|---|---|---|---:|---:|---|",
        ]
        lines += [_line(row, first=i == 0) for group in source.measured for i, row in enumerate(group)]
    if source.unmeasured:
        lines += ["", "Not measured:", ""]
        lines += [f"- {row.statement} ({row.where}; published: {row.published})" for row in source.unmeasured]
    return "\n".join(lines)


def _line(row: Judged, *, first: bool) -> str:
    stated = (f"{row.statement} ({row.where})", row.published) if first else ("", "")
    difference = f"{row.difference} ({row.span})" if row.span else row.difference
    cells = [*stated, row.data, difference, row.seeds, f"{row.mark} {row.verdict}"]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _runs(records: Mapping[Path, Record]) -> str:
    lines = ["## Runs", "", "Each with the first digits of the sha256 of the record of its scores.", ""]
    names = ("dataset", "protocol", "method", "budget", "seed")
    for path, record in sorted(records.items()):
        if record["stage"] in ("score", "study"):
            key = record["key"]
            run = "/".join(str(key[name]) for name in (*names, "study") if name in key)
            lines.append(f"- `{run}` {sha256_file(path)[:12]}")
    return "\n".join(lines)
