"""Where the pipeline keeps its files, below the working folder: the one place that spells it.

In braces stand the names that tell jobs apart; a rule of the workflow takes them as its wildcards.
"""

from pathlib import Path

RAW = "data/raw/{dataset}"
PREPARED = "data/prepared/{dataset}"
RUNS = "results/runs"
RUN = f"{RUNS}/{{dataset}}/{{protocol}}/{{method}}/{{budget}}/seed{{seed}}"
STEP = f"{RUN}/step{{step}}"
ALIGNED = f"{STEP}/{{aligner}}"
STUDIES = "results/studies"
STUDY = f"{STUDIES}/{{study}}/seed{{seed}}"
EXPERIMENTS = "results/experiments"
COLLECTED = f"{EXPERIMENTS}/{{experiment}}.csv"
TRACKED = "results/tracking/{experiment}.json"
REPORTS = "reports"
PAGE = f"{REPORTS}/index.html"
TABLE = f"{REPORTS}/tables/{{table}}.csv"
FIGURE = f"{REPORTS}/figures/{{figure}}.svg"
SHEET = f"{REPORTS}/figures/contact-sheet-{{dataset}}.svg"
KEPT = "docs/results"
"""Scores of earlier runs, which git keeps."""


def prepared(dataset: str) -> Path:
    """Folder of a prepared dataset."""
    return Path(PREPARED.format(dataset=dataset))


def logs(folder: str) -> str:
    """Folder of the logs of the jobs that write to ``folder``."""
    return f"logs/{folder.removeprefix('results/')}"
