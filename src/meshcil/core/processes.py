"""Work over several processes, and the memory of one."""

import ctypes
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from meshcil.core.errors import InputError

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Parameters of glibc's `mallopt`."""

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
        pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    except OSError as error:
        cause = f"cannot be started: {error.strerror}; processes share memory in /dev/shm"
        remedy = "Let /dev/shm be written, or use one worker (`--workers 1`)"
        raise InputError(f"{workers} workers", cause, remedy, "folders-and-files") from error
    with pool:
        yield partial(pool.map, chunksize=chunk)


def keep_freed_memory() -> None:
    """Have this process keep what it frees, for its next tensors; nothing changes where the C library is not glibc.

    By default large blocks go back to the system at once, which hands them out again page by page, each filled with
    zeros: that took 40 % of a prediction's processor time and 5 % of a training step's.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 2**30)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
