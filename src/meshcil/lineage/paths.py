"""Where the pipeline keeps its files, below the working folder: the one place that spells it.

In braces stand the names that tell jobs apart; the rules of the workflow take them as wildcards.
"""

from pathlib import Path

RAW = "data/raw/{dataset}"
PREPARED = "data/prepared/{dataset}"
RUNS = "results/runs"
RUN = f"{RUNS}/{{dataset}}/{{protocol}}/{{method}}/{{budget}}/seed{{seed}}"
STEP = f"{RUN}/step{{step}}"
ALIGNED = f"{STEP}/{{aligner}}"
STUDY = "results/studies/{study}/seed{seed}"
COLLECTED = "results/experiments/{experiment}.csv"
METRICS = "results/experiments/{experiment}.metrics.json"
TRACKED = "results/tracking/{experiment}.json"
REPORTS = Path("reports")
PAGE = f"{REPORTS}/index.html"
TABLE, LATEX = f"{REPORTS}/tables/{{table}}.csv", f"{REPORTS}/tables/{{table}}.tex"
FIGURE, PAPER = f"{REPORTS}/figures/{{figure}}.svg", f"{REPORTS}/figures/{{figure}}.pdf"
SHEET = f"{REPORTS}/figures/contact-sheet-{{dataset}}.svg"
KEPT = "docs/results"
"""Scores of earlier runs, which git keeps."""
