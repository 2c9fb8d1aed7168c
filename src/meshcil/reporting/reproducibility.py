"""REPRODUCIBILITY.md: the verdict on every claim of the papers.

Written from the results that are kept next to the code (`docs/results`), so that experiments of different days come
together. The verdicts also go, a line per claim, between `BEGIN` and `END` of the README.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from meshcil.config.claims import load_claims
from meshcil.core.artifacts import write_bytes_atomic, write_text_atomic
from meshcil.reporting.claims import DIFFERENCE, Judged, Source, counts, sources_view
from meshcil.reporting.kept import Kept, read_kept, together
from meshcil.reporting.margin import caption, margin_svg, margins
from meshcil.reporting.markdown import cell, words
from meshcil.reporting.readme import read_text, replace_part
from meshcil.reporting.table import row_keys

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
MARGIN = "docs/images/margin.svg"
CHOSEN = 3
"""Claims of each paper in the README."""
FIRST = (
    "inemo-in-domain",
    "inemo-margin-grows",
    "inemo-pose",
    "ours-in-domain",
    "ours-margin-grows",
    "ours-pose",
    "memo-above-der",
    "memo-above-exemplars",
    "memo-exemplars-small",
    "eli-forgets",
    "eli-helps-published",
    "eli-helps-untold",
)
"""Names of the claims that the README shows where they were measured; other measured ones fill up."""
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
    """Write the page, and the README's claims and figure; nothing is written on an error.

    Args:
        results: folder of kept results, `docs/results`.
        config: folder with `claims` and `experiments`.
        page: file for the page.
        readme: Markdown file with the two marker lines.

    Raises:
        InputError: when a kept file is missing or damaged, or the README lacks a marker.
    """
    kept = read_kept(results)
    text, lines = reproducibility(kept, config)
    rewritten = replace_part(read_text(readme), lines, readme, BEGIN, END)
    figure = margin_svg(kept)
    write_text_atomic(page, text)
    write_text_atomic(readme, rewritten)
    if figure is not None:
        write_bytes_atomic(readme.parent / MARGIN, figure)


def reproducibility(kept: Sequence[Kept], config: Path) -> tuple[str, str]:
    """Text of the page, whose links start at the repository, and of the README's figure and table.

    Args:
        kept: results of the experiments.
        config: folder with `claims` and `experiments`.

    Raises:
        InputError: when a kept file is missing or damaged.
    """
    table = together(load_claims(config), kept)
    pages = {(key, DIFFERENCE): _page(name) for key, name in zip(row_keys(table), table["experiment"], strict=True)}
    sources = sources_view(table, pages)
    verdicts = ", ".join(f"{count} {name}" for name, count in counts(sources).items())
    parts = [_HEAD, f"**Verdicts:** {verdicts}.", *map(_section, sources)]
    said = caption(margins(kept))
    figure = [f'<img src="{MARGIN}" width="78%" alt="{said}">', f"*{said}*"] if said else []
    return "\n\n".join(parts) + "\n", "\n\n".join([*figure, verdict_lines(sources)])


def verdict_lines(sources: Sequence[Source]) -> str:
    """Markdown table with `CHOSEN` claims of each paper: how often each verdict was found, over data and budgets."""
    lines = ["| paper | claims | here |", "|---|---|---|"]
    place = {name: i for i, name in enumerate(FIRST)}

    def rank(group: Sequence[Judged]) -> int:
        return place.get(group[0].key.split("/")[0], len(place))

    for source in sorted(sources, key=lambda one: min(map(rank, one.measured), default=len(place))):
        ranked = sorted(source.measured, key=rank)
        paper = f"[{words(_short(source.name))}]({source.url})"
        for number, group in enumerate(ranked[:CHOSEN]):
            statement = cell(group[0].statement)
            marks = [f"{row.mark} {row.told}" for row in group]
            found = [f"{mark} ({marks.count(mark)})" if len(marks) > 1 else mark for mark in dict.fromkeys(marks)]
            lines.append(f"| {'' if number else paper} | {statement} | {', '.join(found)} |")
    return "\n".join(lines)


def _short(source: str) -> str:
    """`A long title (NAME), ICLR 2023` and `NAME: a long title, ICLR 2023` as `NAME, ICLR 2023`."""
    title, _, venue = source.rpartition(", ")
    found = re.search(r"\((\w+)\)$", title)
    return f"{found[1] if found else title.partition(':')[0]}, {venue}" if title else source


def _section(source: Source) -> str:
    lines = [f"## {words(source.name)}", "", source.url]
    if source.measured:
        lines += [
            "",
            "| claim | published | measured on | difference | seeds | verdict |",
            "|---|---|---|---:|---:|---|",
        ]
        lines += [_line(row, first=i == 0) for group in source.measured for i, row in enumerate(group)]
    if source.unmeasured:
        lines += ["", "Not measured:", ""]
        lines += [words(f"- {row.statement} ({row.where}; published: {row.published})") for row in source.unmeasured]
    return "\n".join(lines)


def _line(row: Judged, *, first: bool) -> str:
    stated = (f"{row.statement} ({row.where})", row.published) if first else ("", "")
    difference = f"{row.difference} ({row.span}) {row.unit}".replace(" ()", "").rstrip()
    measured = f"[{cell(row.data)}]({row.origin})" + (f"; {cell(row.compared)}" if row.rivals else "")
    cells = [*map(cell, stated), measured, *map(cell, (difference, row.seeds, f"{row.mark} {row.told}"))]
    return f"| {' | '.join(cells)} |"


def _page(experiment: str) -> str:
    return f"docs/results/{experiment}.md" if experiment else ""
