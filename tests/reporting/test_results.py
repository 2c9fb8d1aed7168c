"""Pages of measured results: what is copied, what the page says, and what happens when something is missing."""

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from meshcil.config.claims import load_claims
from meshcil.core.errors import InputError
from meshcil.reporting.kept import read_kept, together
from meshcil.reporting.results import write_results
from tests.reporting.conftest import run_rows
from tests.reporting.test_readme import SUMMARY, record

EXPERIMENT = """title: A title
description: >
  What was
  asked.
cost: seconds
runs:
  - {datasets: [primitives3d], protocols: [3-3-3-3], methods: [inemo, finetune], budgets: [none], seeds: [0]}
tables:
  - {name: summary, title: In one table, kind: summary, caption: Explained.}
figures:
  - {name: summary, kind: steps, caption: Drawn.}
  - name: overlays
    kind: pose-overlays
    caption: Single images.
    run: {dataset: primitives3d, protocol: 3-3-3-3, method: inemo, budget: none, seed: 0}
"""
CLAIMS = """source: A paper
url: https://example.org
claims:
  - name: above-zero
    statement: It is above zero.
    where: nowhere
    published: nothing
    terms: [{metric: last_accuracy, select: {method: [inemo]}}]
  - {name: never, statement: It is not measured., where: nowhere, published: nothing}
"""


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder after `make reproduce`, reduced to what is read."""
    collected = record("collect", "a" * 40, ["results/s.record.json"])
    files = {
        "config/experiments/tiny.yaml": EXPERIMENT,
        "reports/tables/summary.csv": SUMMARY,
        "reports/tables/table-summary.record.json": json.dumps(record("table", "a" * 40, ["results/t.record.json"])),
        "reports/figures/summary.svg": "<svg>drawing</svg>",
        "results/t.record.json": json.dumps(record("train", "b" * 40, [], seed=7)),
        "config/claims/paper.yaml": CLAIMS,
        "results/experiments/tiny.csv": pd.DataFrame(run_rows("inemo", "none", 7)).to_csv(index=False),
        "results/experiments/collect-tiny.record.json": json.dumps(collected),
        "results/s.record.json": json.dumps(
            record("score", "b" * 40, ["results/t.record.json"]) | {"key": {"method": "inemo", "seed": 7}}
        ),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_page_and_files(work: Path) -> None:
    write_results("tiny", work / "reports", work / "config", work / "out")
    page = (work / "out/tiny.md").read_text()
    assert page.startswith("# A title\n\nWhat was asked.\n\n`make reproduce EXPERIMENT=tiny`. Measured on 2031-05-04")
    assert "| iNeMo | total-96 | 88.12 | 80.04 | 9.10 | 61.50 | 30.00 |" in page
    assert "![Drawn.](tiny/summary.svg)" in page and "overlays" not in page
    for file in ("summary.csv", "summary.svg", "table-summary.record.json"):
        assert (work / "out/tiny" / file).read_bytes()
        assert f"(tiny/{file})" in page


def test_nothing_is_written_without_a_figure(work: Path) -> None:
    (work / "reports/figures/summary.svg").unlink()
    with pytest.raises(InputError, match=r"summary\.svg.*make reproduce EXPERIMENT=tiny"):
        write_results("tiny", work / "reports", work / "config", work / "out")
    assert not (work / "out").exists()


def test_scores_and_runs_are_kept_beside_the_tables(work: Path) -> None:
    write_results("tiny", work / "reports", work / "config", work / "out")
    (one,) = read_kept(work / "out")
    rows = together(load_claims(work / "config"), [one])
    (row,) = rows[rows["claim"] == "above-zero"].to_dict("records")
    assert (row["data"], row["seeds"], row["verdict"]) == ("primitives3d, 2-2-2", "1", "not decided")
    assert one.date == "2031-05-04"
    kept = json.loads((work / "out/tiny/provenance.json").read_text())
    digest = hashlib.sha256((work / "results/s.record.json").read_bytes()).hexdigest()
    assert kept["runs"] == {"inemo": {"7": digest}}
    assert "Measured on 2031-05-04" in kept["measured"] and "3 jobs" in kept["measured"]
    (work / "results/experiments/tiny.csv").unlink()
    with pytest.raises(InputError, match=r"tiny\.csv"):
        write_results("tiny", work / "reports", work / "config", work / "elsewhere")
    assert not (work / "elsewhere").exists()
