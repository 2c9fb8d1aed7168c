"""From ledgers and scores of runs to the table of an experiment."""

import json
from pathlib import Path

import pandas as pd
import pytest

from meshcil.core.errors import InputError
from meshcil.reporting.scores import COLUMNS, read_scores
from meshcil.stages.collect import headlines, main
from meshcil.stages.score import check_scores, ledger_scores

LEDGER = """name,bytes,paper,deploy,carry,peak,exemplars
extractor,100,True,True,True,True,8
exemplar pixels,30,True,False,True,True,8
teacher,100,False,False,False,True,8
"""
SCORES = """step,test_set,task,class_name,metric,value,count
0,clean,,,accuracy,0.9,8
1,clean,,,accuracy,0.7,16
1,clean,0,,accuracy,0.6,8
1,clean,,,last_accuracy,0.7,16
1,L2,,,last_accuracy,0.3,16
1,,,,paper_bytes,130.0,1
"""


def test_a_ledger_becomes_one_value_per_count(tmp_path: Path) -> None:
    path = tmp_path / "step3/ledger.csv"
    path.parent.mkdir()
    path.write_text(LEDGER)
    found = {row[4]: row[5] for row in ledger_scores(path)}
    expected = {"paper_bytes": 130, "deploy_bytes": 100, "carry_bytes": 130, "peak_bytes": 230, "exemplars": 8}
    assert found == expected
    assert {row[0] for row in ledger_scores(path)} == {3}


@pytest.mark.parametrize("place", ["ledger.csv", "step1/empty.csv"])
def test_what_is_no_ledger_of_a_step_is_refused(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("name,bytes\n")
    with pytest.raises(InputError):
        ledger_scores(path)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Folders of two runs with scores."""
    monkeypatch.chdir(tmp_path)
    for name in ("b", "a"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "scores.csv").write_text(SCORES)
        key = {"dataset": "d", "protocol": "2-2", "method": name, "budget": "none", "seed": 0}
        (folder / "run.json").write_text(json.dumps({"key": key, "method": {"label": name.upper(), "kind": "replay"}}))
    return ["b", "a"]


def collect(runs: list[str]) -> None:
    scores, settings = ([Path(name) / file for name in runs] for file in ("scores.csv", "run.json"))
    main(scores, settings, Path("out/e.csv"), Path("out/e.metrics.json"))


def test_rows_carry_the_names_of_their_run_in_the_order_given(runs: list[str]) -> None:
    collect(runs)
    table = read_scores(Path("out/e.csv"))
    assert list(table.columns) == COLUMNS
    assert list(dict.fromkeys(table["label"])) == ["B", "A"]
    assert len(table) == 12 and table["value"].tolist()[:2] == [0.9, 0.7]


def test_headlines_are_those_of_the_last_step_on_clean_images(runs: list[str]) -> None:
    collect(runs)
    assert json.loads(Path("out/e.metrics.json").read_text())["d/2-2/a/none/seed0"] == {"last_accuracy": 0.7}
    assert headlines(pd.read_csv("a/scores.csv", dtype=str, keep_default_na=False)) == {"last_accuracy": 0.7}


def test_scores_and_runs_must_match(runs: list[str]) -> None:
    with pytest.raises(InputError, match="1 runs for 2 scores"):
        main([Path("a/scores.csv"), Path("b/scores.csv")], [Path("a/run.json")], Path("e.csv"), Path("m.json"))


def test_checks_are_scores_of_their_step(tmp_path: Path) -> None:
    path = tmp_path / "step2" / "checks.csv"
    path.parent.mkdir()
    path.write_text("check,value\nbank in own region,0.5\n")
    assert check_scores(path) == [(2, "", None, "", "bank in own region", 0.5, 1)]
    path.write_text("check,value\n")
    assert check_scores(path) == []
    path.write_text("check\nbank\n")
    with pytest.raises(InputError, match="is not a table of checks"):
        check_scores(path)
