"""Strikes at a chosen write: every Python that starts with this folder on PYTHONPATH imports it first.

Files are written within milliseconds, so that whoever watches from outside misses most of these moments. MESHCIL_FAULT
holds four words: victim, number of the write, share of the file that has reached the disk, and a regular expression
for the file's name. The victims: `run` (SIGKILL to all processes of the run, while the file has its temporary name),
`job` (the same to the writing process alone), `ask` (SIGTERM to the writing process).
"""

import os
import re
import signal
import sys
from pathlib import Path


def strike_at(victim: str, write: int, share: float, name: re.Pattern[str]) -> None:
    """Wait for the write with this number of a file with such a name."""
    writes = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal writes
        if event != "os.rename" or not str(arguments[0]).endswith(".tmp"):
            return
        writes += bool(name.fullmatch(Path(arguments[1]).name))
        if writes == write:
            writes += 1
            strike(victim, Path(arguments[0]), share)

    sys.addaudithook(watch)


def strike(victim: str, unfinished: Path, share: float) -> None:
    """Send the signal; a killed writer leaves only a part of its file."""
    if victim == "ask":
        os.kill(os.getpid(), signal.SIGTERM)
        return
    os.truncate(unfinished, int(unfinished.stat().st_size * share))
    if victim == "job":
        os.kill(os.getpid(), signal.SIGKILL)
    os.killpg(os.getpgrp(), signal.SIGKILL)


if fault := os.environ.get("MESHCIL_FAULT"):
    _victim, _write, _share, _name = fault.split(" ", 3)
    strike_at(_victim, int(_write), float(_share), re.compile(_name))
