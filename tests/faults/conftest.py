"""An undisturbed run to compare with, and how runs are started, watched, ended and finished."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import chdir, closing, contextmanager
from pathlib import Path

import pytest

from meshcil.cli.audit import inspect
from meshcil.core.hashing import sha256_file
from tests.workflow.test_smoke import records, results

COMMAND = [sys.executable, "-m", "meshcil.cli", "submit", "smoke"]
AIM = Path(__file__).parent / "aim"
RUN = "results/runs/primitives3d-tiny/2-2/{method}/total-16/seed0"
AFTER_RUNS = ("results/experiments", "results/tracking/*.json", "reports", "mlflow.db*")
PATIENCE = 900.0


def start(folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Begin or resume the smoke experiment in ``folder``, in a process group of its own; it prints to out.txt."""
    with (folder / "out.txt").open("ab") as stream:
        return subprocess.Popen(
            COMMAND, cwd=folder, stdout=stream, stderr=stream, start_new_session=True, env=os.environ | environment
        )


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Begin or resume the smoke experiment and wait for its end."""
    return subprocess.run(COMMAND, cwd=folder, capture_output=True, text=True)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a run and all it started, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def fault(victim: str, name: str, write: int = 1, share: float = 1.0) -> dict[str, str]:
    """Environment of a run that is struck when it writes a file; see `aim/sitecustomize.py`."""
    path = os.pathsep.join(filter(None, [str(AIM), os.environ.get("PYTHONPATH")]))
    return {"PYTHONPATH": path, "MESHCIL_FAULT": f"{victim} {write} {share} {name}"}


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path, pause: float = 0.002
) -> None:
    """Wait until something is true of a run.

    Raises:
        AssertionError: when the run ends before, or nothing happens for long.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, f"ended before: {(folder / 'out.txt').read_text()}"
        assert time.monotonic() < deadline, (folder / "out.txt").read_text()
        time.sleep(pause)


def finish(folder: Path, reference: Path) -> int:
    """Resume to the end: the bytes of the undisturbed run, nothing for the audit to find, every job logged once.

    Returns:
        Number of files compared.

    Raises:
        AssertionError: when they are not.
    """
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    expected = results(reference)
    assert results(folder) == expected
    with chdir(folder):
        assert inspect().findings == ()
    assert_logged_once(folder)
    return len(expected)


def assert_logged_once(folder: Path) -> None:
    """Each record has one run in MLflow, and no run is left half logged."""
    query = (
        "select t.value, r.status from runs r join tags p on p.run_uuid = r.run_uuid and p.key = 'mlflow.parentRunId'"
        " left join tags t on t.run_uuid = r.run_uuid and t.key = 'meshcil.record_sha256'"
        " where r.lifecycle_stage = 'active'"
    )
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        rows = list(database.execute(query))
    logged = Counter(value for value, _ in rows)
    wanted = {sha256_file(folder / path) for path in records(folder) if "track-" not in path}
    assert None not in logged and set(logged.values()) == {1} and wanted <= set(logged)
    assert {status for _, status in rows} == {"FINISHED"}


def assert_nothing_is_left_to_do(folder: Path) -> None:
    """The same command once more runs no job."""
    again = run(folder)
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a finished, undisturbed run; MESHCIL_REFERENCE names one that was made before."""
    if given := os.environ.get("MESHCIL_REFERENCE"):
        return Path(given)
    folder = tmp_path_factory.mktemp("reference")
    done = run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def folder(reference: Path) -> Iterator[Path]:
    """An empty folder beside the reference: parameters of jobs hold the way from there to the configuration."""
    place = Path(tempfile.mkdtemp(prefix="run-", dir=reference.parent))
    yield place
    shutil.rmtree(place, ignore_errors=True)


def copy(reference: Path, folder: Path, *without: str) -> Path:
    """Copy the finished run with file times, less what the patterns match: the state that an end leaves."""
    missing = {path for pattern in without for path in reference.glob(pattern)}

    def left_out(place: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(place) / name in missing}

    shutil.copytree(reference, folder, dirs_exist_ok=True, ignore=left_out)
    return folder


def from_step(method: str, step: int) -> tuple[str, ...]:
    """Patterns of what a run writes from a step on, and of all that is made of it."""
    place = RUN.format(method=method)
    trained = [trained_in(method, step).as_posix()]
    return (*(f"{place}/step{later}" for later in range(step, 2)), *trained, f"{place}/score*", *AFTER_RUNS)


def trained_in(method: str, step: int) -> Path:
    """Folder that holds the state after a step; that after the first is shared by the runs of all budgets."""
    run = Path(RUN.format(method=method))
    return (run if step > 0 else run.parents[1] / "any" / run.name) / f"step{step}"


@contextmanager
def mounted(folder: Path, megabytes: float) -> Iterator[Callable[[str], None]]:
    """A small file system on ``folder``; yields a function that remounts it with other options."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={int(megabytes * 1024)}k"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs root, and leave to mount a tmpfs")
    try:
        yield lambda options: subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
