"""MLflow's database can be made again from the records."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from meshcil.cli.application import app
from meshcil.cli.audit import check_tags
from meshcil.cli.status import run_table
from meshcil.core.hashing import sha256_file
from meshcil.lineage.anchor import anchor
from meshcil.lineage.audit import check_files
from meshcil.lineage.reading import read_records
from meshcil.stages import track
from meshcil.stages.command import run
from meshcil.tracking.stored import DATABASE, registered_records, stored_anchors, stored_runs, stored_tags, tracked_runs
from tests.cli.conftest import stand_in

pytestmark = pytest.mark.filterwarnings("ignore")
OUT = Path("results/tracking/smoke.json")


def call(*arguments: str) -> int:
    """Exit code of `meshcil`."""
    with pytest.raises(SystemExit) as stop:
        run(app, arguments)
    return int(stop.value.code or 0)


@pytest.mark.parametrize("command", ["status --runs", "track --rebuild", "export crate crate"])
def test_where_nothing_has_been_run_the_first_step_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(*command.split()) == 2
    said = capsys.readouterr().err
    assert "Run `make reproduce`" in said and "audit" not in said and "rebuild" not in said


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert call("track", "--rebuild") == 2
    assert "results: cannot be read" in capsys.readouterr().err


def test_a_lost_database_is_made_again_from_records(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("status", "--runs") == 2
    assert "mlflow.db: does not exist. `meshcil track --rebuild` makes it" in capsys.readouterr().err


@pytest.mark.tampering
def test_a_lost_database_comes_back_and_an_altered_tag_is_named(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = json.loads(OUT.with_name("track-smoke.record.json").read_text())["inputs"]
    track.main("smoke", [Path(entry["path"]) for entry in inputs], OUT)
    records, _ = read_records()
    assert check_tags(records) == ([], [])
    before = tracked_runs()
    # MLflow keeps its connection to a database, so the loss happens in a copy.
    copy = shutil.copytree(checkout, tmp_path / "moved", ignore=shutil.ignore_patterns("mlflow.db"))
    stand_in(monkeypatch, Path(copy))
    assert check_tags(records)[1] == [
        "mlflow.db is not here: `meshcil track --rebuild` makes it again from the records"
    ]
    assert call("track", "--rebuild") == 0
    records, findings = read_records()
    assert findings == [] == check_files(records) and check_tags(records) == ([], [])
    assert stored_anchors() == {"smoke": anchor()}
    assert registered_records() == {
        sha256_file(path) for path in Path().glob("results/runs/**/step1/select.record.json")
    }
    assert set(tracked_runs()) == set(before) and not set(tracked_runs().values()) & set(before.values())
    found = {run.name: run for run in stored_runs()}
    run_of = found["icarl-smoke, 16 exemplars, seed 0, primitives3d-tiny 2-2"]
    assert run_of.experiment == "smoke" and run_of.state == "FINISHED" and run_of.metrics["clean/last_accuracy"] > 0
    (row,) = [r for r in printed(run_table([run_of], run_of.ended / 1000 + 7300)).splitlines() if "icarl" in r]
    assert "finished" in row and "2 h ago" in row and f"{100 * run_of.metrics['clean/last_accuracy']:.2f}" in row
    # A first step that runs share has no scores to show.
    shared = "icarl-smoke, first step, seed 0, primitives3d-tiny 2-2"
    assert shared in found and shared not in printed(run_table([*found.values()], run_of.ended / 1000))
    alter_tag("update tags set value = 'elsewhere' where key = 'meshcil.host'")
    findings, _ = check_tags(records)
    assert len(findings) == len(before) and "mlflow.db: tag meshcil.host" in findings[0]
    alter_tag("update model_version_tags set value = '0'")
    assert len([f for f in check_tags(records)[0] if f.endswith("select.record.json is not registered")]) == 2
    assert call("track", "--rebuild") == 0
    records, _ = read_records()
    findings, _ = check_tags(records)
    assert len(findings) == len(before) and "mlflow.db: tag meshcil.host" in findings[0]
    alter_tag("update experiment_tags set value = '0' where key = 'meshcil.anchor'")
    assert "mlflow.db: experiment smoke bears the anchor of another report" in check_tags(records)[0]
    alter_tag("delete from tags")
    assert all("is missing" in finding for finding in check_tags(records)[0][:-1])
    assert stored_tags() == {}
    DATABASE.write_bytes(b"no database")
    assert "is not an MLflow database" in check_tags(records)[0][0]


def printed(table: Table) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def alter_tag(statement: str) -> None:
    connection = sqlite3.connect(DATABASE)
    with connection:
        connection.execute(statement)
    connection.close()


def test_it_must_be_asked_for_and_needs_records(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("track") == 2
    assert "needs `--rebuild`" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    assert call("track", "--rebuild") == 2
    assert "holds no records: nothing has been run here" in capsys.readouterr().err
