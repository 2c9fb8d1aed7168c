"""Pages of measured results: what is copied, what the page says, and what happens when something is missing."""

import hashlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from meshcil.config.claims import load_claims
from meshcil.config.experiment import load_experiment
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.reporting.kept import read_kept, table_text, together, with_read
from meshcil.reporting.reproducibility import reproducibility
from meshcil.reporting.results import write_results
from meshcil.reporting.scores import read_scores
from tests.reporting.conftest import run_rows, table_of
from tests.reporting.test_readme import record

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
    scores = pd.DataFrame(run_rows("inemo", "none", 7))
    files = {
        "config/experiments/tiny.yaml": EXPERIMENT,
        "reports/tables/summary.csv": table_of("summary", scores).csv(),
        "reports/tables/table-summary.record.json": json.dumps(record("table", "a" * 40, ["results/t.record.json"])),
        "reports/figures/summary.svg": "<svg>drawing</svg>",
        "results/t.record.json": json.dumps(record("train", "b" * 40, [], seed=7)),
        "config/claims/paper.yaml": CLAIMS,
        "results/experiments/tiny.csv": scores.to_csv(index=False),
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
    assert re.search(r"^\| iNeMo \| none \| 8\d\.\d\d \|", page, re.MULTILINE)
    assert "![Drawn.](tiny/summary.svg)" in page and "overlays" not in page
    files = {path.name for path in (work / "out/tiny").iterdir()}
    assert files == {"provenance.json", "scores.csv", "summary.svg"}
    assert all(f"(tiny/{file})" in page for file in files)


def test_kept_scores_give_the_table_again(work: Path) -> None:
    write_results("tiny", work / "reports", work / "config", work / "out")
    kept = json.loads((work / "out/tiny/provenance.json").read_text())["tables"]["summary"]
    [table] = load_experiment("tiny", work / "config").tables
    text = table_text(table, read_scores(work / "out/tiny/scores.csv"), work / "config")
    assert kept["sha256"] == hashlib.sha256(text.encode()).hexdigest() and kept["recomputable"] is True
    assert kept["record_sha256"] == sha256_file(work / "reports/tables/table-summary.record.json")


def test_only_rows_that_the_table_needs_are_kept(work: Path) -> None:
    [table] = load_experiment("tiny", work / "config").tables
    scores = read_scores(work / "results/experiments/tiny.csv")
    steps = table.model_copy(update={"kind": "steps"})
    rows = scores.loc[with_read(steps, scores, scores.index[:0], work / "config")]
    # Those with a class are counted for the headings.
    assert set(rows["metric"]) == {"accuracy"} and set(rows["test_set"]) == {"clean"} and set(rows["task"]) == {""}
    assert rows[rows["class_name"] == ""]["step"].tolist() == [0, 1, 2]


def test_a_table_that_the_scores_do_not_give_is_refused(work: Path) -> None:
    path = work / "reports/tables/summary.csv"
    path.write_text(path.read_text().replace("iNeMo", "INeMo"))
    with pytest.raises(InputError, match=r"summary\.csv: does not hold what the scores give.*EXPERIMENT=tiny"):
        write_results("tiny", work / "reports", work / "config", work / "out")
    assert not (work / "out").exists()


def test_nothing_is_written_without_a_figure(work: Path) -> None:
    (work / "reports/figures/summary.svg").unlink()
    with pytest.raises(InputError, match=r"summary\.svg.*make reproduce EXPERIMENT=tiny"):
        write_results("tiny", work / "reports", work / "config", work / "out")
    assert not (work / "out").exists()


def test_scores_and_runs_are_kept(work: Path) -> None:
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


HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) | <b>"


def test_text_of_the_settings_is_no_markup(work: Path) -> None:
    claims, experiment = yaml.safe_load(CLAIMS), yaml.safe_load(EXPERIMENT)
    claims["source"] = HOSTILE
    for claim in claims["claims"]:
        claim |= {"statement": f"{claim['name']} {HOSTILE}", "where": HOSTILE, "published": HOSTILE}
    experiment |= {"title": HOSTILE, "description": HOSTILE}
    for block in (*experiment["tables"], *experiment["figures"]):
        block |= {"title": HOSTILE, "caption": f"{block['kind']} {HOSTILE}"}
    scores = pd.DataFrame(run_rows("inemo", "none", 7)).assign(label=HOSTILE)
    table = table_of("summary", scores)
    for path, text in {
        "config/claims/paper.yaml": yaml.safe_dump(claims),
        "config/experiments/tiny.yaml": yaml.safe_dump(experiment),
        "results/experiments/tiny.csv": scores.to_csv(index=False),
        "reports/tables/summary.csv": table.csv(),
    }.items():
        (work / path).write_text(text)
    write_results("tiny", work / "reports", work / "config", work / "out")
    pages = (work / "out/tiny.md").read_text(), *reproducibility(read_kept(work / "out"), work / "config")
    for page in pages:
        assert "&lt;script>" in page and "&#91;x&#93;(javascript:alert(1))" in page
        assert not re.search(r"<(script|b)>|\[x\]", page)
        assert len({line.count("|") for line in re.findall(r"^\|.*", page.partition("## ")[2], re.MULTILINE)}) <= 1
