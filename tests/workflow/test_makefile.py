"""What the Makefile itself decides: which environment is good, what `clean` deletes, and who records when."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.fabrication import write
from tests.lineage.test_record import git
from tests.workflow.conftest import ROOT

RENDERED = '{"parents": [{"path": "data/raw/rendered/generate.record.json"}]}'


def copy_makefile(folder: Path) -> None:
    for name in ("Makefile", "dvc.yaml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)


def make(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["make", *words, f"PYTHON={sys.executable}"]
    return subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)


def test_an_environment_belongs_to_its_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "the re"
    here.mkdir()
    copy_makefile(here)
    assert "Creating .venv" in make(here, "setup", "--dry-run").stdout
    variables = make(here, "--print-data-base", "--dry-run", "help").stdout
    (stamp,) = re.findall(r"^STAMP := (.*)$", variables, re.MULTILINE)
    write(here, {stamp: ""})
    assert "Nothing to be done" in make(here, "setup").stdout
    here.rename(there)
    again = make(there, "setup", "--dry-run").stdout
    assert f'test -n "{stamp}"' in again and "Nothing to be done" not in again


def test_modules_of_another_environment_have_no_say(tmp_path: Path) -> None:
    copy_makefile(tmp_path)
    write(tmp_path, {"other/sitecustomize.py": "print('noise')"})
    plain = make(tmp_path, "setup", "--dry-run").stdout
    assert make(tmp_path, "setup", "--dry-run", PYTHONPATH="other", PYTHONHOME="/nowhere").stdout == plain
    (tmp_path / "show.mk").write_text("show:\n\t@echo $${PYTHONPATH-none}\n")
    assert make(tmp_path, "-f", "Makefile", "-f", "show.mk", "show", PYTHONPATH="other").stdout == "none\n"


def test_an_empty_experiment_is_named(tmp_path: Path) -> None:
    copy_makefile(tmp_path)
    write(tmp_path, {"stamp": ""})
    done = make(tmp_path, "reproduce", "EXPERIMENT=", "STAMP=stamp", "BIN=nowhere")
    assert done.returncode == 2 and done.stderr.startswith("error: EXPERIMENT is empty. Name one")


def test_a_running_experiment_is_not_cleaned_away(tmp_path: Path) -> None:
    copy_makefile(tmp_path)
    write(tmp_path, {"logs/make.lock": "", "results/a.csv": ""})
    with (tmp_path / "logs/make.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = make(tmp_path, "clean")
    assert done.returncode == 2 and "error: a run works in this folder" in done.stderr
    assert (tmp_path / "results/a.csv").is_file() and (tmp_path / "logs/make.lock").is_file()


def test_it_deletes_rendered_data_and_results_alone(tmp_path: Path) -> None:
    copy_makefile(tmp_path)
    kept = {
        "data/raw/own/photo.jpg": "",
        "data/prepared/own/prepare.record.json": '{"parents": []}',
        "data/prepared/own/train.parquet": "",
        "data/prepared/unfinished/train.parquet": "",
        ".venv/bin/python": "",
    }
    made = {
        "data/raw/rendered/generate.record.json": "{}",
        "data/raw/rendered/picture.png": "",
        "data/prepared/rendered/prepare.record.json": RENDERED,
        "data/prepared/rendered/train.parquet": "",
        "results/runs/run.json": "",
        "logs/run.log": "",
        "reports/index.html": "",
        "mlflow.db": "",
    }
    write(tmp_path, kept | made)
    for _ in range(2):
        assert make(tmp_path, "clean").returncode == 0
        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {*kept, "Makefile", "dvc.yaml", "requirements.lock"}


COMMANDS = {
    "meshcil": "case $1 in submit) mkdir -p logs; touch logs/make.lock;; audit) echo audit >> order; sleep 0.3;; esac",
    "dvc": 'if [ "$1" = commit ]; then echo commit >> order; fi',
}


def test_two_recordings_follow_each_other(tmp_path: Path) -> None:
    copy_makefile(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "bin").mkdir()
    for name, body in COMMANDS.items():
        command = tmp_path / "bin" / name
        command.write_text(f"#!/bin/sh\n{body}\n")
        command.chmod(0o755)
    command = ["make", "reproduce", "BIN=bin", "STAMP=Makefile", f"PYTHON={sys.executable}"]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert (tmp_path / "order").read_text().split() == ["audit", "commit"] * 2


def test_a_clone_has_the_bytes_of_the_commit(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    git(source, "init", "--quiet")
    shutil.copy(ROOT / ".gitattributes", source)
    (source / "requirements.lock").write_bytes(b"a==1\nb==2\n")
    git(source, "add", ".")
    git(source, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    git(tmp_path, "clone", "--quiet", "-c", "core.autocrlf=true", "source", "clone")
    assert (tmp_path / "clone/requirements.lock").read_bytes() == b"a==1\nb==2\n"


def test_the_server_of_the_runs_is_for_this_machine_under_its_own_name(tmp_path: Path) -> None:
    copy_makefile(tmp_path)
    command = make(tmp_path, "ui", "--dry-run", "STAMP=", "PORT=5007").stdout.replace("\\\n", " ").split()
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--allowed-hosts") + 1] == '"127.0.0.1:5007,localhost:5007"'
    (tmp_path / "stamp").write_text("")
    done = make(tmp_path, "ui", "STAMP=stamp", "BIN=nowhere")
    assert done.returncode == 2 and "error: mlflow.db does not exist" in done.stderr
