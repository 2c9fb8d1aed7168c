"""The table of `meshcil doctor`: what is found, and what to do."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from meshcil.cli import doctor
from meshcil.cli.doctor import Finding, diagnose, show
from meshcil.lineage import source
from meshcil.tracking import stored
from tests.lineage.test_record import git

CONFIG = "MinJobAge               = {age} sec\nAccountingStorageType   = accounting_storage/none\n"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with git, without Slurm and GPU; the folder where commands can be put."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("git", "cat", "sh"):
        (commands / name).symlink_to(str(shutil.which(name)))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PATH", str(commands))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    return commands


def command(folder: Path, name: str, output: str) -> None:
    (folder / f"{name}.txt").write_text(output)
    (folder / name).write_text(f"#!/bin/sh\ncat {folder / name}.txt\n")
    (folder / name).chmod(0o755)


def found(name: str) -> Finding:
    """The row of one check alone: DVC takes seconds to say that it has no remote."""
    checks = {"Slurm": doctor._slurm, "partitions": doctor._slurm, "MLflow": doctor._mlflow}
    return {row.name: row for row in checks.get(name, doctor._gpu)()}[name]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository that stands for the one the package is run from."""
    for name in ("src/a.py", "config/a.yaml", "README.md", "dvc.lock", "reports/ANCHOR"):
        write(tmp_path / name, "old\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    for module in (source, doctor):
        monkeypatch.setattr(module, "repository_root", lambda: tmp_path)
    return tmp_path


def test_the_doctor_and_the_records_count_the_same_files(repository: Path) -> None:
    # What the pipeline writes, and what is neither code nor a setting: pictures, notes, other data.
    for name in (
        "dvc.lock",
        "reports/ANCHOR",
        "reports/index.html",
        "results/a.csv",
        "car-overlay.png",
        "data/own/a.png",
    ):
        write(repository / name, "new\n")
    (row,) = doctor._git()
    clean = source.source_facts()
    assert row.state == "ok" and row.found.endswith(", 0 changed files") and clean.dirty is False
    for number, name in enumerate(["README.md", "config/own ünit.yaml", "workflow/rules/own.smk", "src/b.py"], start=1):
        write(repository / name, "new\n")
        (row,) = doctor._git()
        assert row.state == "note" and f", {number} changed files: " in row.found and "Commit" in row.remedy
        assert source.source_facts().dirty
    before = source.source_facts().diff_sha256
    assert before not in (None, clean.diff_sha256)
    write(repository / "src/b.py", "newer\n")
    assert source.source_facts().diff_sha256 != before


def test_new_files_have_a_digest_and_a_folder_that_git_does_not_enter_stops_no_job(repository: Path) -> None:
    nothing = source.source_facts().diff_sha256
    write(repository / "config/methods/own.yaml", "label: own\n")
    setting = source.source_facts().diff_sha256
    git(repository, "init", "--quiet", "src/nested")
    write(repository / "src/nested/c.py", "C = 1\n")
    assert len({nothing, setting, source.source_facts().diff_sha256}) == 3


def test_an_empty_folder_on_a_plain_machine_is_fit(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "repository_root", Path.cwd)
    table = {row.name: row for row in diagnose()}
    assert not [finding for finding in table.values() if finding.state == "bad" and finding.name != "packages"]
    assert table["git"].state == "note" and "clone the repository" in table["git"].remedy
    assert table["Slurm"].found.startswith("not installed") and table["GPU"].found.startswith("none")
    text = show(list(table.values()))
    assert f"-> {table['git'].remedy}" in text and len(text.splitlines()) >= len(table)


def test_slurm_that_forgets_too_early_is_named_with_what_to_set(machine: Path) -> None:
    command(machine, "squeue", "")
    command(machine, "sinfo", "debug* up, at most infinite\n")
    command(machine, "scontrol", CONFIG.format(age=300))
    assert found("Slurm") == Finding("Slurm", "ok", "MinJobAge 300 s, without accounting; jobs are watched by squeue")
    assert found("partitions").found == "debug* up, at most infinite"
    command(machine, "scontrol", CONFIG.format(age=9))
    assert "MinJobAge of 240 s" in found("Slurm").remedy


def test_a_database_of_another_mlflow_is_told_how_to_move_on(machine: Path) -> None:
    with sqlite3.connect("mlflow.db") as connection:
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("insert into alembic_version values ('451aebb31d03')")
    connection.close()
    assert found("MLflow").state == "bad" and "db upgrade" in found("MLflow").remedy
    with sqlite3.connect("mlflow.db") as connection:
        connection.execute("update alembic_version set version_num = 'ffffffffffff'")
        connection.execute("create table experiments (name text, artifact_location text)")
    connection.close()
    assert "newer MLflow" in found("MLflow").found and "track --rebuild" in found("MLflow").remedy
    with sqlite3.connect("mlflow.db") as connection:
        connection.execute("update alembic_version set version_num = ?", [stored._schemas()[1]])
    connection.close()
    assert found("MLflow").state == "ok"
    Path("mlflow.db").write_text("no database")
    assert "is not an MLflow database" in found("MLflow").found


@pytest.mark.parametrize(
    ("address", "cause"),
    [("http://127.0.0.1:9", "does not answer"), ("mlruns", "which is neither a server nor a database")],
)
def test_a_tracking_server_is_asked_before_a_run(
    machine: Path, monkeypatch: pytest.MonkeyPatch, address: str, cause: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    row = found("MLflow")
    assert row.state == "bad" and row.found.startswith("MLFLOW_TRACKING_URI is ") and cause in row.found
    assert "Unset it to log to mlflow.db" in row.remedy


def test_the_newest_migration_is_one() -> None:
    assert stored._schemas()[1] and "," not in stored._schemas()[1]


def test_a_gpu_that_torch_cannot_use_is_bad(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    command(machine, "nvidia-smi", "Some GPU, 470.1\n")
    assert found("GPU").state == "bad" and "Update the driver" in found("GPU").remedy


def test_the_reason_of_git_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere")
    monkeypatch.setattr(doctor, "repository_root", lambda: tmp_path)
    (row,) = doctor._git()
    assert row.state == "note" and "no commit (fatal: not a git repository: " in row.found
    assert "what git says" in row.remedy


def test_a_place_where_mlflow_cannot_work_is_named(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr("sys.prefix", "/work/50%/.venv")
    row = found("MLflow")
    assert row.state == "bad" and "has `%` in its path" in row.found and row.remedy.startswith("Move the checkout")
