"""The log: a line for each record as its job ends, so that a job whose record is taken away leaves a gap.

Each line has the digest of the line before it, the digest of the record, and its path. A record states the last line
that it knows of: whoever rewrites the log must rewrite the records too, up to the anchor. A job that is made again has
two lines. Data, of which the settings leave no choice and which may outlive all results, are not logged.
"""

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from meshcil.core import limits
from meshcil.core.artifacts import unwritable
from meshcil.core.hashing import sha256_bytes

LOG = Path("results/tracking/lineage.log")
_LOGGED = ("results", "reports")
START = "0" * 64
"""In place of the digest of a line before the first."""
_LINE = re.compile(r"([0-9a-f]{64}) ([0-9a-f]{64}) (\S.*)")
_TAIL = 8192
"""Bytes in which the last line fits."""


@dataclass(frozen=True)
class Log:
    """What a log says.

    Attributes:
        digests: of all lines.
        jobs: path of a record -> digests of the records that the job wrote, the present one last.
        broken: the first line, counted from 1, that does not follow the one before; 0 in a sound log.
    """

    digests: frozenset[str]
    jobs: dict[Path, list[str]]
    broken: int


def is_logged(record: Path) -> bool:
    """Whether a record, by its path in the working folder, belongs in the log."""
    return record.parts[0] in _LOGGED


def head() -> str:
    """Digest of the last line."""
    return _last(LOG.read_bytes()[-_TAIL:]) if LOG.is_file() else START


def _last(text: bytes) -> str:
    lines = text.splitlines()
    return sha256_bytes(lines[-1]) if lines else START


def append(record: Path, sha256: str) -> None:
    """Add the line of a record, on disk when this returns; jobs on several machines wait for each other.

    Raises:
        InputError: when the log cannot be written.
    """
    if not is_logged(record):
        return
    try:
        LOG.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(LOG, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            before = os.pread(handle, _TAIL, max(0, size - _TAIL))
            # What a full disk or a power cut left of a line must not run into this one.
            gap = "" if not before or before.endswith(b"\n") else "\n"
            line = f"{gap}{_last(before)} {sha256} {record.as_posix()}\n".encode()
            if os.write(handle, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise unwritable(LOG, error) from error


def read_log() -> Log:
    """Read the log; one that does not exist is empty.

    Raises:
        InputError: when it is no text file, or too large.
    """
    lines = list(_lines())
    jobs: dict[Path, list[str]] = {}
    before, broken = START, 0
    for number, line in enumerate(lines, 1):
        found = _LINE.fullmatch(line)
        # A line may have been cut off as it was written; the one after it has its digest.
        if not broken and line[:64] != (before if found else before[: len(line)]):
            broken = number
        if found is not None:
            jobs.setdefault(Path(found[3]), []).append(found[2])
        before = sha256_bytes(line.encode())
    return Log(frozenset(sha256_bytes(line.encode()) for line in lines), jobs, broken)


def _lines() -> Iterator[str]:
    if os.path.lexists(LOG):
        text = limits.read_text(LOG, limits.TEXT_BYTES, "Restore it, or begin anew: `make clean`")
        yield from text.removesuffix("\n").split("\n")
