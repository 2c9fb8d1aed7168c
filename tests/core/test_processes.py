"""Work over processes, and machines on which they cannot be started."""

import ctypes
import subprocess
import sys
from collections.abc import Callable
from errno import EROFS
from os import strerror
from pathlib import Path
from time import sleep
from unittest.mock import Mock

import pytest

from meshcil.core import processes
from meshcil.core.errors import InputError


def test_without_shared_memory_one_worker_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ProcessPoolExecutor", Mock(side_effect=OSError(EROFS, strerror(EROFS))))
    with pytest.raises(InputError, match=r"2 workers: cannot be started: Read-only .*--workers 1"), processes.mapper(2):
        pass
    with processes.mapper(1) as each:
        assert list(each(abs, [-1, 2])) == [1, 2]


def test_more_workers_than_images_do_the_same_work() -> None:
    with processes.mapper(3) as each:
        assert list(each(abs, [-1])) == [1]
        assert list(each(abs, [])) == []


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="needs glibc")
def test_freed_memory_is_used_again() -> None:
    code = (
        "import resource; from meshcil.core.processes import keep_freed_memory; {}\n"
        "for _ in range(9): b'x' * 2**26\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    )
    pages = [
        int(subprocess.run([sys.executable, "-c", code.format(line)], capture_output=True, text=True).stdout)
        for line in ("", "keep_freed_memory()")
    ]
    # Of nine blocks only the first needs new pages; where they are huge, there are few.
    assert pages[1] < pages[0] - 100


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
def test_workers_end_with_the_process_that_started_them() -> None:
    work = "with mapper(2, 1) as each: print(*each(time.sleep, [1, 1]), flush=True); list(each(time.sleep, [300] * 2))"
    code = f"import time; from meshcil.core.processes import mapper\n{work}"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == b"None None\n"
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        started = [Path("/proc", number) for number in children]
        assert len(started) == 3, "two workers, and Python's process that looks after shared memory"
        parent.kill()
    wait_until(lambda: not any(path.exists() for path in started))


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        sleep(0.1)
    raise AssertionError("it did not come about within a minute")
