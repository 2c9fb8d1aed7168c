"""Work over several processes."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from meshcil.core.errors import InputError

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
        raise InputError(f"{workers} workers", cause, remedy) from error
    with pool:
        yield partial(pool.map, chunksize=chunk)
