"""Two jobs never write the same output at once."""

import subprocess
import sys
import time
from pathlib import Path

from meshcil.lineage.lock import exclusive

JOB = """
import sys, time
from pathlib import Path
from meshcil.lineage.lock import exclusive
output, log, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
with exclusive(output):
    with log.open("a") as stream:
        stream.write(f"{name} begins\\n")
    time.sleep(0.3)
    with log.open("a") as stream:
        stream.write(f"{name} ends\\n")
"""


def _start(tmp_path: Path, name: str) -> subprocess.Popen:
    words = [sys.executable, "-c", JOB, str(tmp_path / "state"), str(tmp_path / "log"), name]
    return subprocess.Popen(words, stderr=subprocess.PIPE, text=True)


def test_jobs_take_turns_and_leave_no_lock_file(tmp_path: Path) -> None:
    jobs = [_start(tmp_path, str(k)) for k in range(4)]
    assert [job.wait(60) for job in jobs] == [0] * 4
    for job in jobs:
        job.communicate()
    lines = (tmp_path / "log").read_text().split("\n")[:-1]
    assert len(lines) == 8
    for begin, end in zip(lines[::2], lines[1::2], strict=True):
        assert begin.split()[0] == end.split()[0]
    assert [p.name for p in tmp_path.iterdir()] == ["log"]


def test_the_lock_ends_with_a_killed_holder(tmp_path: Path) -> None:
    holder = _start(tmp_path, "holder")
    while not (tmp_path / "log").exists():
        time.sleep(0.01)
    holder.kill()
    holder.communicate()
    with exclusive(tmp_path / "state"):
        assert (tmp_path / ".state.lock").exists()
    assert not (tmp_path / ".state.lock").exists()


def test_an_unwritable_folder_is_left_to_the_body(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with exclusive(tmp_path / "file" / "state"):
        pass
