"""Work over several processes, and the memory of one."""

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from meshcil.core.errors import InputError

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Parameters of glibc's `mallopt`."""
_DIE_WITH_PARENT = 1
"""`PR_SET_PDEATHSIG` of Linux's `prctl`."""

Mapper = Callable[[Callable[..., Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def mapper(workers: int, chunk: int = 8) -> Iterator[Mapper]:
    """A `map` over processes that keeps the order; starting them takes seconds, so callers share one.

    Args:
        workers: processes; with 1, this one does the work.
        chunk: items that a process takes at a time.

    Raises:
        InputError: where processes cannot be started, for instance because /dev/shm cannot be written.
    """
    if workers == 1:
        yield map
        return
    try:
        # A fresh interpreter per worker: forking after libraries started threads is not safe.
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent, (os.getpid(),))
    except OSError as error:
        cause = f"cannot be started: {error.strerror}; processes share memory in /dev/shm"
        remedy = "Let /dev/shm be written, or use one worker (`--workers 1`)"
        raise InputError(f"{workers} workers", cause, remedy, "folders-and-files") from error
    with pool:
        yield partial(pool.map, chunksize=chunk)


def _end_with_parent(parent: int) -> None:
    """Have this worker killed when its parent ends, which a signal may have end without a word to its workers."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def keep_freed_memory() -> None:
    """Have this process keep what it frees, for its next tensors; nothing changes where the C library is not glibc.

    By default large blocks go back to the system at once, which hands them out again page by page, each filled with
    zeros: that took 40 % of a prediction's processor time and 5 % of a training step's.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 2**30)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
