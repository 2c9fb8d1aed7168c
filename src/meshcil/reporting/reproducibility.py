"""REPRODUCIBILITY.md: the verdict on every claim, the main table of every experiment, and the runs that they rest on.

Written from the results that are kept beside the code (`docs/results`), so that experiments of different days come
together. The verdicts also go, a line per claim, between `BEGIN` and `END` of the README.
"""

from collections.abc import Sequence
from pathlib import Path

from meshcil.config.claims import load_claims
from meshcil.config.experiment import load_experiment
from meshcil.core.artifacts import read_json, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.reporting.claims import DIFFERENCE, Judged, Source, counts, sources_view
from meshcil.reporting.kept import Kept, read_kept, together
from meshcil.reporting.layout import read_table, row_keys
from meshcil.reporting.page import table_view
from meshcil.reporting.readme import read_text, replace_part
from meshcil.reporting.results import markdown_table

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
_HEAD = """# Reproducibility

Written by `meshcil export claims` from [docs/results](docs/results), which `meshcil export results` writes from the
scores and records of finished experiments; nothing here is typed by hand.

A claim is a contrast of scores between runs of the same training seed. It *holds* when the 95 % confidence interval of
its mean over seeds lies above zero and *does not hold* when it lies below. With fewer than three seeds, or zero in the
interval, it is *not decided*. Many claims are judged and no interval allows for that: of twenty true nulls one would be
decided by chance ([docs/claims.md](docs/claims.md)). Differences are in percentage points where no unit stands beside
them. "Best of" names the methods of which the one with the best mean over seeds is compared; an experiment may have one
alone.
Published values are those of the papers, on their data; ours are on the data named beside them and are not to be
compared in size."""
_TABLES = """## Measured tables

The main table of each experiment, as mean ± standard deviation over training seeds. Accuracies are in percent on our
data; a published value stands in a column of its own."""
_RUNS = """## Runs

The commits that the jobs of an experiment ran at, and each seed with the first digits of the sha256 of the record of
its scores."""


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
    kept = read_kept(results)
    table = together(load_claims(config), kept)
    pages = {(key, DIFFERENCE): _page(name) for key, name in zip(row_keys(table), table["experiment"], strict=True)}
    sources = sources_view(table, pages)
    verdicts = ", ".join(f"{count} {name}" for name, count in counts(sources).items())
    parts = [_HEAD, f"**Verdicts:** {verdicts}.", *map(_section, sources), _TABLES]
    parts += [_measured(one, results, config) for one in kept]
    return "\n\n".join([*parts, _RUNS, *(_runs(one) for one in kept if one.runs)]) + "\n", verdict_lines(sources)


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
    cells = [*stated, measured, difference, row.seeds, f"{row.mark} {row.verdict}"]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _measured(kept: Kept, results: Path, config: Path) -> str:
    settings = load_experiment(kept.name, config)
    lines = [f"### {settings.title}", f"`make reproduce EXPERIMENT={kept.name}`. {kept.measured}"]
    if settings.tables:
        head = settings.tables[0]
        view = table_view(read_table(results / kept.name / f"{head.name}.csv"), "")
        seeds = f" {view.seeds} seeds." if view.seeds else ""
        lines += [_caption(results / kept.name / f"table-{head.name}.record.json") + seeds, markdown_table(view)]
    return "\n\n".join([*lines, f"[All its tables and figures]({_page(kept.name)})"])


def _caption(record: Path) -> str:
    """The caption that a table was made with: it speaks of the numbers as they are, which the present one may not."""
    try:
        return " ".join(read_json(record)["settings"]["values"]["caption"].split())
    except (TypeError, KeyError) as error:
        raise InputError(record, "is not the record of a table", "Write the experiment's results again") from error


def _runs(kept: Kept) -> str:
    lines = [f"### {kept.name}", ""]
    if kept.commits:
        lines += [f"At {', '.join(f'`{commit}`' for commit in kept.commits)}.", ""]
    for run, seeds in sorted(kept.runs.items()):
        lines.append(f"- `{run}` " + ", ".join(f"{seed}: {digest[:12]}" for seed, digest in sorted(seeds.items())))
    return "\n".join(lines)


def _page(experiment: str) -> str:
    return f"docs/results/{experiment}.md" if experiment else ""
