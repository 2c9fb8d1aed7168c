"""Disks, memory, clocks, databases and remotes that fail: a message says what to do, and nothing is left to mend."""

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from meshcil.cli.status import is_locked
from meshcil.core.hashing import sha256_file
from tests.faults.conftest import (
    AFTER_RUNS,
    assert_nothing_is_left_to_do,
    copy,
    fault,
    finish,
    from_step,
    mounted,
    run,
    start,
    wait_for,
)
from tests.workflow.test_smoke import records, results

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

STEP1 = from_step("icarl-smoke", 1)
LOCKED_SECONDS = 60


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*")) / 2**20


def said(lines: list[str]) -> None:
    """Print what the person in front of the screen reads last."""
    print("\n" + "\n".join(f"  | {line}" for line in lines[-12:]))


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_full_disk(share: float, reference: Path, folder: Path) -> None:
    """The disk holds this share of what is still to be written."""
    here = megabytes(copy(reference, folder, *STEP1))
    with mounted(folder, here + share * (megabytes(reference) - here)) as remount:
        copy(reference, folder, *STEP1)
        done = run(folder)
        said(done.stderr.strip().splitlines())
        assert done.returncode != 0
        last = "\n".join(done.stderr.strip().splitlines()[-12:])
        assert "No space left on device" in last or "disk is full" in last, done.stderr
        assert "run the same command again" in last or "the same command goes on" in last, done.stderr
        assert "memory ran out" not in last
        assert not list(folder.rglob("*.tmp")), "half a file was left"
        remount(f"size={int(here + 200)}m")
        finish(folder, reference)
        assert_nothing_is_left_to_do(folder)


def test_a_read_only_results_folder(reference: Path, folder: Path) -> None:
    copy(reference, folder, "results", *AFTER_RUNS)
    with mounted(folder / "results", 50) as remount:
        copy(reference / "results", folder / "results", *(name.removeprefix("results/") for name in STEP1))
        remount("ro")
        before = results(folder)
        done = run(folder)
        said(done.stderr.splitlines())
        assert done.returncode == 2
        assert "Read-only file system" in done.stderr.splitlines()[-1], done.stderr
        assert "choose a folder that can be written" in done.stderr and "Traceback" not in done.stderr
        assert results(folder) == before
        remount("rw")
        finish(folder, reference)


def test_a_worker_killed_for_its_memory(reference: Path, folder: Path) -> None:
    """The kernel ends one process with SIGKILL; Snakemake lives on."""
    copy(reference, folder, *STEP1)
    process = start(folder, **fault("job", r"checkpoint-\w+\.safetensors", 2, 0.5))
    assert process.wait() == 1
    lines = (folder / "out.txt").read_text().splitlines()
    said(lines)
    assert any("It was killed, most often because memory ran out" in line for line in lines)
    assert lines[-1].startswith("1 job failed.")
    finish(folder, reference)


def test_a_clock_that_steps_back(reference: Path, folder: Path) -> None:
    """What was made so far bears times of tomorrow, as after a clock was set right."""
    copy(reference, folder, *STEP1)
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        later = path.stat().st_mtime + 86400
        os.utime(path, (later, later))
    kept = {path: sha256_file(folder / path) for path in records(folder)}
    finish(folder, reference)
    assert {path: sha256_file(folder / path) for path in kept} == kept, "finished jobs ran again"
    present = time.time() + 60
    assert all(path.stat().st_mtime < present for path in (folder / "results").rglob("*") if path.is_file())
    assert all(record["seconds"] >= 0 for record in records(folder).values())
    assert_nothing_is_left_to_do(folder)


def test_two_runs_in_one_folder(reference: Path, folder: Path) -> None:
    copy(reference, folder, *AFTER_RUNS)
    first = start(folder)
    wait_for(lambda: is_locked(folder / "logs/make.lock"), first, folder)
    second = run(folder)
    said(second.stderr.splitlines())
    assert first.wait() == 0 and second.returncode == 0
    assert "Waiting for another run in this folder" in second.stderr
    assert "Nothing to be done" in second.stdout + second.stderr
    finish(folder, reference)


@contextmanager
def held(database: Path, seconds: float) -> Iterator[None]:
    """Another program writes to the database for a while."""
    locked = threading.Event()

    def hold() -> None:
        with closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("begin exclusive")
            locked.set()
            time.sleep(seconds)
            connection.execute("rollback")

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    try:
        yield
    finally:
        holder.join()


def test_a_locked_mlflow_database(reference: Path, folder: Path) -> None:
    copy(reference, folder, "results/tracking/*.json")
    with held(folder / "mlflow.db", LOCKED_SECONDS):
        began = time.monotonic()
        done = run(folder)
        waited = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert waited > LOCKED_SECONDS - 10
    log = (folder / "logs/tracking/track-smoke.log").read_text()
    said(log.splitlines())
    assert "waiting for" in log and "database is locked" in log
    finish(folder, reference)


def test_a_dvc_remote_that_is_gone(tmp_path: Path) -> None:
    remote, folder = tmp_path / "remote", tmp_path / "checkout"
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "DVC_NO_ANALYTICS": "1"}
    dvc, meshcil = [sys.executable, "-m", "dvc"], [sys.executable, "-m", "meshcil.cli"]

    def call(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)

    remote.mkdir()
    folder.mkdir()
    (folder / "data.txt").write_text("kept")
    for command in (["git", "init"], [*dvc, "init"], [*dvc, "remote", "add", "-d", "store", str(remote)]):
        assert call(*command).returncode == 0
    assert call(*dvc, "add", "data.txt").returncode == 0 and call(*dvc, "push").returncode == 0
    remote.rename(tmp_path / "elsewhere")
    doctor = call(*meshcil, "doctor").stdout
    said([line for line in doctor.splitlines() if "remote" in line])
    assert "not reachable" in doctor and "Runs need no remote" in doctor
    (folder / "data.txt").unlink()
    shutil.rmtree(folder / ".dvc/cache")
    (folder / "dvc.lock").write_text("schema: '2.0'\n")
    restored = call(*meshcil, "restore")
    said(restored.stderr.splitlines())
    assert restored.returncode == 2 and "Traceback" not in restored.stderr
    assert restored.stderr.startswith("error: dvc pull: ") and "Check the remote" in restored.stderr
    (tmp_path / "elsewhere").rename(remote)
    assert call(*dvc, "pull").returncode == 0 and (folder / "data.txt").read_text() == "kept"
