"""One job at a time per output: jobs can outlive a killed workflow and must not meet their successors."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def lock_path(output: Path) -> Path:
    """Where the lock of an output is."""
    return output.with_name(f".{output.name}.lock")


@contextmanager
def exclusive(output: Path) -> Iterator[None]:
    """Hold the lock of ``output`` for the body; waits while another process holds it.

    The lock ends with the process, however it ends. Where the folder cannot be written there is no lock; the body's
    own write then says why.
    """
    path = lock_path(output)
    fresh = not path.parent.exists()
    handle = _acquire(path)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(FileNotFoundError):
                path.unlink()
            os.close(handle)
            if fresh:
                # A body that failed leaves nothing behind; a folder that it filled stays.
                with suppress(OSError):
                    path.parent.rmdir()


def _acquire(path: Path) -> int | None:
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another job that writes {path.parent}", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        # The holder before removes its file: a lock on a removed file protects nothing.
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        os.close(handle)
