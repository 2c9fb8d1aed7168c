"""REPRODUCIBILITY.md: the verdict on every claim of the papers.

Written from the results that are kept next to the code (`docs/results`), so that experiments of different days come
together. The verdicts also go, a line per claim, between `BEGIN` and `END` of the README.
"""

from collections.abc import Sequence
from pathlib import Path

from meshcil.config.claims import load_claims
from meshcil.core.artifacts import write_text_atomic
from meshcil.reporting.claims import DIFFERENCE, Judged, Source, counts, sources_view
from meshcil.reporting.kept import read_kept, together
from meshcil.reporting.readme import read_text, replace_part
from meshcil.reporting.table import row_keys

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
_HEAD = """# Reproducibility

Written by `meshcil export claims` from [docs/results](docs/results), which `meshcil export results` writes from the
scores and records of finished experiments; nothing here is typed by hand.

A claim is a contrast of scores between runs with the same training seed. It *holds* when the 95 % confidence interval
of its mean over seeds is above zero, and *does not hold* when it is below. Where a claim states in advance how large
a difference must be to matter, an interval around zero that is narrower says that there is *no such difference*. With
fewer than three seeds, or otherwise, it is *not decided*. Verdicts that do not survive Holm's correction over all
claims of a paper are marked *uncorrected* ([docs/claims.md](docs/claims.md)). Differences are in percentage points
unless a unit is given. "Best of" lists the methods of which the one with the best mean over seeds is compared; an
experiment may have only one. Published values were measured on the data of the papers, ours on the data named next to
them, so their sizes cannot be compared."""


def rewrite_claims(results: Path, config: Path, page: Path, readme: Path) -> None:
    """Write the page, and the README's line per claim; nothing is written on an error.

    Args:
        results: folder of kept results, `docs/results`.
        config: folder with `claims` and `experiments`.
        page: file for the page.
        readme: Markdown file with the two marker lines.

    Raises:
        InputError: when a kept file is missing or damaged, or the README lacks a marker.
    """
    text, lines = reproducibility(results, config)
    rewritten = replace_part(read_text(readme), lines, readme, BEGIN, END)
    write_text_atomic(page, text)
    write_text_atomic(readme, rewritten)


def reproducibility(results: Path, config: Path) -> tuple[str, str]:
    """Text of the page, whose links start at the repository, and of the README's table.

    Args:
        results: folder of kept results.
        config: folder with `claims` and `experiments`.

    Raises:
        InputError: when a kept file is missing or damaged.
    """
    table = together(load_claims(config), read_kept(results))
    pages = {(key, DIFFERENCE): _page(name) for key, name in zip(row_keys(table), table["experiment"], strict=True)}
    sources = sources_view(table, pages)
    verdicts = ", ".join(f"{count} {name}" for name, count in counts(sources).items())
    parts = [_HEAD, f"**Verdicts:** {verdicts}.", *map(_section, sources)]
    return "\n\n".join(parts) + "\n", verdict_lines(sources)


def verdict_lines(sources: Sequence[Source]) -> str:
    """Markdown table with a line per claim: how often it holds, over data sets and budgets."""
    lines = ["| claim | here |", "|---|---|"]
    for source in sources:
        lines.append(f"| **{source.name}** | |")
        for first, *others in source.measured:
            marks = [f"{row.mark} {row.told}" for row in (first, *others)]
            found = [f"{mark} ({marks.count(mark)})" if others else mark for mark in dict.fromkeys(marks)]
            lines.append(f"| {first.statement.replace('|', '/')} | {', '.join(found)} |")
        if source.unmeasured:
            count = len(source.unmeasured)
            lines.append(f"| {count} further claim{'s' if count > 1 else ''} | – not measured |")
    return "\n".join(lines)


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
    difference = f"{row.difference} ({row.span}) {row.unit}".replace(" ()", "").rstrip()
    measured = f"[{row.data}]({row.origin})" + (f"; {row.compared}" if row.rivals else "")
    cells = [*stated, measured, difference, row.seeds, f"{row.mark} {row.told}"]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _page(experiment: str) -> str:
    return f"docs/results/{experiment}.md" if experiment else ""
