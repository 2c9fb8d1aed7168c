"""Check the lock file against the records and against the packages that are installed."""

import base64
import csv
import os
import re
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
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


_IMPORTED = (
    *("numpy", "pandas", "pyarrow", "scipy", "pydantic", "pydantic_core", "yaml", "typer", "rich", "matplotlib", "PIL"),
    *("safetensors", "torch", "torchvision", "kornia", "sklearn", "trimesh", "timm"),
)
"""Packages whose modules jobs import, hashed in every audit; of the others the sizes of files are compared."""
_EDITABLE = "_editable_impl_meshcil.pth"
"""Leads to the source of this checkout."""


@cache
def check_installed(folder: Path | None = None) -> list[str]:
    """Installed files that are not what the RECORD of their package says, and files that belong to none.

    Args:
        folder: packages of another environment, every file of which is then hashed and compared with the packages here.
    """
    here = Path(sysconfig.get_path("purelib"))
    place = folder or here
    expected = {name: facts for path in here.glob("*.dist-info/RECORD") for name, facts in _recorded(path)}
    found = set(_files(place))
    surplus = dict.fromkeys(name.partition("/")[0] for name in sorted(found - expected.keys()))
    findings = [f"{place.name}/{name}: holds what belongs to no installed package" for name in surplus]
    for name, (digest, size) in expected.items():
        if name.startswith("..") or name.endswith(".pyc"):
            continue
        if name not in found:
            findings.append(f"{place.name}/{name}: is missing")
        elif digest and not _own(name) and _differs(place, name, digest, size, whole=folder is not None):
            findings.append(f"{place.name}/{name}: is not the file that its package's RECORD names")
    link, owner = place / _EDITABLE, Path.cwd() if folder else repository_root()
    if link.is_file() and _led_to(link) != {(owner / "src").resolve()}:
        findings.append(f"{place.name}/{_EDITABLE}: does not lead to the folder src of the checkout alone")
    return [*findings, *_customised()]


def _recorded(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from ((row[0], (row[1], row[2])) for row in csv.reader(lines) if len(row) == 3)


def _files(folder: Path) -> Iterator[str]:
    # A package may be a link to where an installer keeps it. Each folder is entered once: links cannot go round.
    entered = set[tuple[int, int]]()
    top = str(folder)
    for root, folders, names in os.walk(top, followlinks=True):
        facts = Path(root).stat()
        real = facts.st_dev, facts.st_ino
        folders[:] = [name for name in folders if name != "__pycache__" and real not in entered]
        entered.add(real)
        above = f"{root[len(top) + 1 :]}/" if root != top else ""
        yield from (above + name for name in names)


def _led_to(link: Path) -> set[Path]:
    return {(link.parent / line.strip()).resolve() for line in os.fsdecode(link.read_bytes()).splitlines()}


def _own(name: str) -> bool:
    """Whether a file says where this very environment or checkout lies."""
    return ".dist-info/" in name or name == _EDITABLE


def _differs(place: Path, name: str, digest: str, size: str, *, whole: bool) -> bool:
    # A Path for each of some sixty thousand files would take longer than all else.
    path, (package, *inner) = f"{place}/{name}", name.split("/")
    if size and os.stat(path).st_size != int(size):  # noqa: PTH116
        return True
    imported = (not inner or package in _IMPORTED) and name.endswith((".py", ".pth"))
    if not whole and not imported:
        return False
    return digest != f"sha256={encoded(Path(path))}"


def encoded(path: Path) -> str:
    """SHA-256 of a file as a RECORD has it."""
    return base64.urlsafe_b64encode(bytes.fromhex(sha256_file(path))).decode().rstrip("=")


def _customised() -> list[str]:
    """Modules that an interpreter runs before any other, where they are not Python's own."""
    own = Path(sysconfig.get_path("stdlib")).resolve()
    specs = [find_spec(name) for name in ("sitecustomize", "usercustomize")]
    places = [Path(spec.origin) for spec in specs if spec and spec.origin]
    # Debian's Python has a link to /etc there: the folder decides.
    return [f"{place}: runs before every job" for place in places if not place.parent.resolve().is_relative_to(own)]
