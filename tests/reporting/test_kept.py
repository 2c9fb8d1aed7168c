"""Kept results of several experiments in one page: what they come to together, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from meshcil.config.claims import load_claims
from meshcil.core.errors import InputError
from meshcil.reporting.kept import definition, read_kept, together
from meshcil.reporting.reproducibility import BEGIN, END, reproducibility, rewrite_claims

REPOSITORY = Path(__file__).parents[2]
CLAIMS = """source: A paper
url: https://example.org
claims:
  - name: better
    statement: It is better.
    where: abstract
    published: 2 points
    terms: [{metric: last_accuracy, select: {method: [inemo]}}]
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
 "commits": [],
 "methods": ["inemo"],
 "runs": {"digits/inemo": {"1": "ABCDEF0123456789", "0": "99"}}
}"""
TABLE = "method,label,budget,seeds,average [%],average std [%]\ninemo,iNeMo,none,3,88.12,0.51\n"


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[str, str], None]:
    """Keep results of an experiment: its name and data, rivals, difference, interval, seeds, verdict."""
    (tmp_path / "config/experiments").mkdir(parents=True)
    (tmp_path / "config/claims").mkdir()
    (tmp_path / "config/claims/paper.yaml").write_text(CLAIMS)
    (tmp_path / "README.md").write_text(f"Before\n{BEGIN}\n{END}\nAfter\n")
    (tmp_path / "docs/results").mkdir(parents=True)

    def write(name: str, verdict: str) -> None:
        folder = tmp_path / "docs/results" / name
        folder.mkdir()
        head = "claim,definition,data,rivals,difference,low,high,seeds,verdict\n"
        (folder / "verdicts.csv").write_text(head + (f"better,DEFINITION,{verdict}\n" if verdict else ""))
        (folder / "provenance.json").write_text(PROVENANCE.replace("NAME", name))
        (folder / f"{name}.csv").write_text(TABLE)
        made_with = {"settings": {"values": {"caption": "Explained then."}}}
        (folder / f"table-{name}.record.json").write_text(json.dumps(made_with))
        (tmp_path / f"config/experiments/{name}.yaml").write_text(EXPERIMENT.replace("NAME", name))
        _define(folder / "verdicts.csv", tmp_path)

    return write


def _define(file: Path, root: Path) -> None:
    claim = load_claims(root / "config")[0].claims[0]
    file.write_text(file.read_text().replace("DEFINITION", definition(claim, ["inemo"])))


def pages(root: Path) -> tuple[str, str]:
    return reproducibility(root / "docs/results", root / "config")


def test_the_experiment_with_most_seeds_speaks(keep: Callable[[str, str], None], tmp_path: Path) -> None:
    keep("first", "digits,,+1.00,,,1,not decided")
    keep("second", "digits,,+2.00,+1.00,+3.00,3,holds")
    keep("third", "voc,,-1.00,-2.00,-0.50,3,does not hold")
    rows = together(load_claims(tmp_path / "config"), read_kept(tmp_path / "docs/results"), tmp_path)
    found = rows[["claim", "data", "difference", "verdict", "experiment"]].to_numpy().tolist()
    assert found == [
        ["better", "digits", "+2.00", "holds", "second"],
        ["better", "voc", "-1.00", "does not hold", "third"],
        ["never", "", "", "not measured", ""],
    ]


def test_among_equal_seeds_the_experiment_with_most_rivals_speaks(
    keep: Callable[[str, str], None], tmp_path: Path
) -> None:
    keep("first", 'digits,"icarl, replay",+3.00,+1.00,+5.00,3,holds')
    keep("second", 'digits,"der, icarl, replay",-1.00,-2.00,-0.50,3,does not hold')
    rows = together(load_claims(tmp_path / "config"), read_kept(tmp_path / "docs/results"), tmp_path)
    assert rows["experiment"].tolist() == ["second", ""]


def test_the_page_has_verdicts_tables_runs_and_where_they_are_from(
    keep: Callable[[str, str], None], tmp_path: Path
) -> None:
    keep("first", "digits,,+2.00,+1.00,+3.00,3,holds")
    keep("second", "")
    text, lines = pages(tmp_path)
    assert "**Verdicts:** 1 holds, 1 not measured." in text
    row = "It is better. (abstract) | 2 points | [digits](docs/results/first.md) | +2.00 (+1.00 to +3.00) | 3 | ✓ holds"
    assert f"| {row} |" in text
    assert "- It is seen by nobody. (nowhere; published: nothing)" in text
    assert "### Title of first\n\n`make reproduce EXPERIMENT=first`. Measured in first." in text
    assert "| iNeMo | none | 88.12 ± 0.51 |" in text and "Explained then. 3 seeds." in text
    assert "- `digits/inemo` 0: 99, 1: ABCDEF012345" in text
    assert "| It is better. | ✓ holds |" in lines and "| 1 further claim | – not measured |" in lines


def test_a_verdict_by_other_terms_is_refused_and_nothing_is_written(
    keep: Callable[[str, str], None], tmp_path: Path
) -> None:
    keep("first", "digits,,+2.00,+1.00,+3.00,3,holds")
    claims = tmp_path / "config/claims/paper.yaml"
    claims.write_text(CLAIMS.replace("It is better.", "It is much better."))
    pages(tmp_path)
    claims.write_text(CLAIMS.replace("method: [inemo]", "method: [inemo, a-newer-one]"))
    pages(tmp_path)
    claims.write_text(CLAIMS.replace("last_accuracy", "forgetting_before_last"))
    with pytest.raises(InputError, match=r"first/verdicts.csv: judged `better` by other terms"):
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
        ("verdicts.csv", "claim\nbetter\n"),
        ("first.csv", ""),
        ("table-first.record.json", "[]"),
    ],
)
def test_damaged_files_are_named(keep: Callable[[str, str], None], tmp_path: Path, file: str, text: str) -> None:
    keep("first", "digits,,+2.00,+1.00,+3.00,3,holds")
    (tmp_path / "docs/results/first" / file).write_text(text)
    with pytest.raises(InputError, match=file):
        pages(tmp_path)


def test_a_folder_without_kept_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"docs/results: is no folder with kept results"):
        pages(tmp_path)


def test_the_pages_of_this_repository_are_those_that_its_results_give() -> None:
    text, lines = reproducibility(REPOSITORY / "docs/results", REPOSITORY / "config")
    assert (REPOSITORY / "REPRODUCIBILITY.md").read_text(encoding="utf-8") == text
    assert f"{BEGIN}\n\n{lines}\n\n{END}" in (REPOSITORY / "README.md").read_text(encoding="utf-8")
