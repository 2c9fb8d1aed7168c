"""Kept results of several experiments in one page: what they come to together, and what is refused."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from meshcil.config.claims import load_claims
from meshcil.config.experiment import load_experiment
from meshcil.core.errors import InputError
from meshcil.reporting.cells import table_view
from meshcil.reporting.kept import read_kept, table_text, together, worth_keeping
from meshcil.reporting.margin import margin_svg, margins
from meshcil.reporting.reproducibility import BEGIN, END, MARGIN, reproducibility, rewrite_claims
from meshcil.reporting.results import markdown_table
from meshcil.reporting.scores import COLUMNS
from meshcil.reporting.table import from_texts

REPOSITORY = Path(__file__).parents[2]
CLAIMS = """source: A paper
url: https://example.org
claims:
  - name: better
    statement: It is better.
    where: abstract
    published: 2 points
    terms:
      - {metric: last_accuracy, select: {method: [inemo]}}
      - {weight: -1, metric: last_accuracy, select: {method: [icarl, der, "replay*"]}, over: best}
  - {name: never, statement: It is seen by nobody., where: nowhere, published: nothing}
"""
EXPERIMENT = """title: Title of NAME
description: What was asked.
cost: seconds
runs:
  - {datasets: [primitives3d], protocols: [3-3-3-3], methods: [inemo], budgets: [none], seeds: [0]}
tables:
  - {name: NAME, title: In one table, kind: summary, caption: Explained.}
"""
PROVENANCE = """{
 "measured": "Measured in NAME.",
 "date": "DATE",
 "commits": [],
 "runs": {"digits/inemo": {"1": "ABCDEF0123456789", "0": "99"}},
 "tables": {}
}"""

HOLDS, FAILS = [0.02, 0.021, 0.022], [-0.01, -0.011, -0.012]


@pytest.fixture
def keep(tmp_path: Path) -> Callable[..., None]:
    """Keep results of an experiment: its name and data, how much better iNeMo is by seed, than which methods."""
    (tmp_path / "config/experiments").mkdir(parents=True)
    (tmp_path / "config/claims").mkdir()
    (tmp_path / "config/claims/paper.yaml").write_text(CLAIMS)
    (tmp_path / "README.md").write_text(f"Before\n{BEGIN}\n{END}\nAfter\n")
    (tmp_path / "docs/results").mkdir(parents=True)

    def write(
        name: str, data: str, gains: Sequence[float], rivals: Sequence[str] = ("icarl",), date: str = "2031-05-04"
    ) -> None:
        folder = tmp_path / "docs/results" / name
        folder.mkdir()
        scores_of(data, gains, rivals).to_csv(folder / "scores.csv", index=False)
        (folder / "provenance.json").write_text(PROVENANCE.replace("NAME", name).replace("DATE", date))
        (tmp_path / f"config/experiments/{name}.yaml").write_text(EXPERIMENT.replace("NAME", name))

    return write


def scores_of(data: str, gains: Sequence[float], rivals: Sequence[str]) -> pd.DataFrame:
    """Last accuracies of iNeMo and of its rivals, all of which have 0.5."""
    rows = [
        [data, "2-2", method, method, "none", method, seed, 1, "clean", "", "", "last_accuracy", value, 10]
        for seed, gain in enumerate(gains)
        for method, value in (("inemo", 0.5 + gain), *((rival, 0.5) for rival in rivals))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def pages(root: Path) -> tuple[str, str]:
    return reproducibility(read_kept(root / "docs/results"), root / "config")


def found(root: Path) -> pd.DataFrame:
    return together(load_claims(root / "config"), read_kept(root / "docs/results"))


def test_the_experiment_with_most_seeds_speaks(keep: Callable[..., None], tmp_path: Path) -> None:
    keep("first", "digits", [0.01], ["icarl", "der"])
    keep("second", "digits", HOLDS)
    keep("third", "voc", FAILS)
    rows = found(tmp_path)[["claim", "data", "difference", "verdict", "experiment"]].to_numpy().tolist()
    assert rows == [
        ["better", "digits, 2-2", "+2.10", "holds", "second"],
        ["better", "voc, 2-2", "-1.10", "does not hold", "third"],
        ["never", "", "", "not measured", ""],
    ]


def test_a_difference_of_one_seed_is_left_out_beside_a_verdict(keep: Callable[..., None], tmp_path: Path) -> None:
    keep("first", "digits", [0.01])
    assert found(tmp_path)["data"].tolist() == ["digits, 2-2", ""]
    keep("second", "voc", HOLDS)
    assert found(tmp_path)["data"].tolist() == ["voc, 2-2", ""]


def test_among_equal_seeds_the_experiment_with_most_rivals_speaks(keep: Callable[..., None], tmp_path: Path) -> None:
    keep("first", "digits", HOLDS, ["icarl"], "2031-05-06")
    keep("second", "digits", FAILS, ["icarl", "der"], "2031-05-05")
    assert found(tmp_path)["experiment"].tolist() == ["second", ""]


def test_among_equal_rivals_the_last_experiment_speaks(keep: Callable[..., None], tmp_path: Path) -> None:
    keep("first", "digits", HOLDS)
    keep("second", "digits", FAILS, date="2031-05-05")
    keep("third", "digits", HOLDS)
    assert found(tmp_path)["experiment"].tolist() == ["second", ""]


def test_without_results_every_claim_is_named(keep: Callable[..., None], tmp_path: Path) -> None:
    rows = found(tmp_path)[["claim", "verdict"]].to_numpy().tolist()
    assert rows == [["better", "not measured"], ["never", "not measured"]]


def test_what_claims_read_is_kept_and_what_is_over_all_images_after_the_last_step(tmp_path: Path) -> None:
    (tmp_path / "claims").mkdir()
    (tmp_path / "claims/paper.yaml").write_text(CLAIMS.replace("[inemo]}", '[inemo], class_name: ["*"]}'))
    scores = scores_of("digits", [0.1], ["icarl"])
    of_class = scores.assign(class_name="car")
    rows = pd.concat([scores, scores.assign(step=0), of_class, of_class.assign(metric="recall")], ignore_index=True)
    kept = worth_keeping(load_claims(tmp_path), rows)
    assert kept.tolist() == [0, 1, 4]


def test_the_page_has_verdicts_and_where_they_are_from(keep: Callable[..., None], tmp_path: Path) -> None:
    keep("first", "digits", HOLDS)
    keep("second", "digits", [])
    text, lines = pages(tmp_path)
    assert "**Verdicts:** 1 holds, 1 not measured." in text
    where = "[digits, 2-2](docs/results/first.md); against icarl"
    row = f"It is better. (abstract) | 2 points | {where} | +2.10 (+1.85 to +2.35) | 3 | ✓ holds"
    assert f"| {row} |" in text
    assert "- It is seen by nobody. (nowhere; published: nothing)" in text
    assert "It is better. | ✓ holds |" in lines and "seen by nobody" not in lines


def test_nothing_is_written_where_something_is_damaged(keep: Callable[..., None], tmp_path: Path) -> None:
    keep("first", "digits", HOLDS)
    (tmp_path / "docs/results/first/scores.csv").write_text("claim\n")
    with pytest.raises(InputError, match=r"first/scores.csv: lacks the columns.*meshcil export results first"):
        rewrite_claims(
            tmp_path / "docs/results", tmp_path / "config", tmp_path / "REPRODUCIBILITY.md", tmp_path / "README.md"
        )
    assert not (tmp_path / "REPRODUCIBILITY.md").exists()
    assert (tmp_path / "README.md").read_text() == f"Before\n{BEGIN}\n{END}\nAfter\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("provenance.json", "[]"),
        ("provenance.json", "{"),
        ("scores.csv", "claim\nbetter\n"),
    ],
)
def test_damaged_files_are_named(keep: Callable[..., None], tmp_path: Path, file: str, text: str) -> None:
    keep("first", "digits", HOLDS)
    (tmp_path / "docs/results/first" / file).write_text(text)
    with pytest.raises(InputError, match=file):
        pages(tmp_path)


def test_a_folder_without_kept_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"docs/results: is not a folder with kept results"):
        pages(tmp_path)


def test_the_pages_of_this_repository_are_those_that_its_results_give() -> None:
    kept = read_kept(REPOSITORY / "docs/results")
    text, lines = reproducibility(kept, REPOSITORY / "config")
    assert (REPOSITORY / "REPRODUCIBILITY.md").read_text(encoding="utf-8") == text
    assert f"{BEGIN}\n\n{lines}\n\n{END}" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert sum(line.startswith("| ") for line in lines.splitlines()) == 1 + 3 * 3, "three papers with three claims each"
    assert f'src="{MARGIN}"' in lines
    assert (REPOSITORY / MARGIN).read_bytes() == margin_svg(kept)


def test_the_figure_of_the_finding_shows_the_differences_of_the_kept_scores() -> None:
    kept = read_kept(REPOSITORY / "docs/results")
    lines = {line.name: line for line in margins(kept)}
    scores = next(one.scores for one in kept if one.name == "inemo-rivals")
    rows = scores[(scores["metric"] == "last_accuracy") & (scores["test_set"] == "L3") & (scores["class_name"] == "")]
    mean = rows[rows["task"] == ""].groupby("method")["value"].mean()
    lead = mean["inemo-pretrained-study"] - mean["icarl-pretrained"]
    assert lines["paper's rules"].y[-1] == pytest.approx(100 * lead)
    assert margins([]) == [] and margin_svg([]) is None


NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?: ± \d+(?:\.\d+)?)?")


def numbers(page: str) -> Counter[tuple[str, ...]]:
    """How often each row of numbers stands in the tables of a page; names and headings may be worded anew."""
    rows = (line.strip("|").split("|") for line in page.splitlines() if line.startswith("| "))
    return Counter(tuple(cell.strip() for cell in row if NUMBER.fullmatch(cell.strip())) for row in rows)


def test_the_kept_scores_of_this_repository_give_the_numbers_of_its_pages() -> None:
    results, config, wrong, checked = REPOSITORY / "docs/results", REPOSITORY / "config", [], 0
    for one in read_kept(results):
        facts = json.loads((results / one.name / "provenance.json").read_text())["tables"]
        shown = numbers((results / f"{one.name}.md").read_text(encoding="utf-8"))
        for table in load_experiment(one.name, config).tables:
            if facts.get(table.name, {}).get("recomputable"):
                text = pd.read_csv(StringIO(table_text(table, one.scores, config)), dtype=str, keep_default_na=False)
                given = numbers(markdown_table(table_view(from_texts(text), "")))
                checked += sum(map(len, given))
                wrong += [f"{one.name}: {table.name} lacks {' '.join(row)}" for row in given - shown]
    assert not wrong and checked > 1000
