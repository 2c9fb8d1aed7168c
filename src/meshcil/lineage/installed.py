"""Check the lock file against the records and against the packages that are installed."""

import re
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.hashing import sha256_file
from meshcil.lineage.schema import Record
from meshcil.lineage.source import packages_digest

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
LOCK = "requirements.lock"


def check_lock(records: Mapping[Path, Record]) -> list[str]:
    """Whether the lock file is the one the jobs ran under, and the installed packages are the locked ones."""
    path = repository_root() / LOCK
    if not path.is_file():
        return [f"{LOCK}: is missing"]
    digest = sha256_file(path)
    others = [name for name, record in records.items() if record.source.lock_sha256 != digest]
    findings = [f"{LOCK}: has changed since {others[0]} and {len(others) - 1} more were written"] if others else []
    found = installed()
    for name, version in _PIN.findall(path.read_text(encoding="utf-8")):
        have = found.get(_normal(name))
        # A build label (2.14.1+cpu) is the same release.
        if have is None or have.partition("+")[0] != version.partition("+")[0]:
            findings.append(f"{LOCK}: locks {name} {version}, installed is {have or 'none'}")
    return findings


def check_environment(records: Mapping[Path, Record]) -> list[str]:
    """Notes on jobs that ran with other packages than are installed here; those of another machine may differ."""
    here = packages_digest()
    others = sum(record.environment.packages_sha256 != here for record in records.values())
    return [f"{others} jobs ran with another set of installed packages than this one"] if others else []


def installed() -> dict[str, str]:
    """Normalised name -> version of the installed distributions, from the names of their folders."""
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    pairs = [p.name.removesuffix(".dist-info").rsplit("-", 1) for f in folders for p in f.glob("*.dist-info")]
    return {_normal(name): version for name, version in (pair for pair in pairs if len(pair) == 2)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
