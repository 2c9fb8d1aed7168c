"""`meshcil submit`, the one way to start Snakemake: what is on the screen when something fails."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.workflow


@pytest.fixture
def obstructed(tmp_path: Path) -> Path:
    """A folder in which rendering fails at once: a file is in its way."""
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/.primitives3d-tiny.partial").write_text("in the way")
    return tmp_path


def test_a_failure_is_the_last_thing_on_the_screen(obstructed: Path) -> None:
    command = [sys.executable, "-m", "meshcil.cli", "submit", "smoke"]
    done = subprocess.run(command, cwd=obstructed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 1, done.stdout
    end = done.stdout[done.stdout.rindex("FAILED: generate") :].splitlines()
    assert end[1].strip() == "last lines of logs/data/raw/primitives3d-tiny/generate.log:"
    assert "primitives3d-tiny.partial" in end[2] and end[3].strip() == "by hand:"
    assert end[-1] == "1 job failed. What was finished is kept; the same command goes on."
    # The command repeats the failure by hand.
    again = subprocess.run(end[4].split(), cwd=obstructed, capture_output=True, text=True)
    assert again.returncode == 2 and again.stderr.strip() == end[2].strip()
    assert (obstructed / "logs/profile/config.yaml").is_file()


def test_a_detached_run_goes_on_by_itself_and_says_where_it_prints(obstructed: Path) -> None:
    command = [sys.executable, "-m", "meshcil.cli", "submit", "smoke", "--detach"]
    done = subprocess.run(command, cwd=obstructed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    log = next(obstructed.glob("logs/submit-*.log"))
    assert log.relative_to(obstructed).as_posix() in done.stdout
    deadline = time.monotonic() + 300
    while "1 job failed." not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def hear_interrupts() -> None:
    """A shell starts background commands deaf to SIGINT, and what they start inherits it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_run_that_is_stopped_calls_nothing_a_failure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "meshcil.cli", "submit", "smoke"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear_interrupts,
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("data/raw/.primitives3d-tiny*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    for _ in range(2):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.2)
    output, _ = process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in output and "Exception ignored" not in output, output
    assert output.splitlines()[-1].endswith("What was finished is kept; the same command goes on.")
    assert "FAILED" not in output and "memory" not in output
