"""Records read back: the one reader, the one walk from a record to those it rests on, and who wrote a file.

What is wrong with a record is said in a sentence, never shown as a traceback.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file, sha256_json
from meshcil.lineage.schema import SCHEMA_VERSION, SUFFIX, FileFacts, ParentFacts, Record

FOLDERS = ("data", "results", "reports")
"""Where records lie, below the working folder."""
Choice = Callable[[Record, Record], bool]
"""Whether a walk goes from a job (first) to one of its parents (second)."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMEDY = "Restore it, or delete it and run the pipeline again"


def record_files(root: Path = Path()) -> list[Path]:
    """All records below the working folder ``root``, relative to it, sorted."""
    return sorted(path.relative_to(root) for name in FOLDERS for path in (root / name).rglob(f"*{SUFFIX}"))


def read_record(path: Path) -> Record:
    """A record, checked against its schema.

    Raises:
        InputError: when it is missing, truncated, no file, unreadable, of another layout, or contradicts itself.
    """
    content = read_json(path)
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        cause = f"is a record of layout {version}; this MeshCIL knows layouts up to {SCHEMA_VERSION}"
        raise InputError(path, cause, "Use the version of MeshCIL that wrote it")
    try:
        # As JSON, in which a list stands for a tuple.
        record = Record.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        cause = "; ".join(f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors())
        raise InputError(path, f"is not a valid record ({cause})", _REMEDY) from error
    for field, digest in _digests(record):
        if not _SHA256.fullmatch(digest):
            raise InputError(path, f"`{field}` is not a SHA-256 digest: {digest!r}", _REMEDY)
    if record.settings.sha256 != sha256_json(record.settings.values):
        raise InputError(path, "`settings.sha256` is not the digest of `settings.values`", _REMEDY)
    return record


def _digests(record: Record) -> Iterator[tuple[str, str]]:
    yield "settings.sha256", record.settings.sha256
    groups: dict[str, tuple[Any, ...]] = {
        "inputs": record.inputs,
        "outputs": record.outputs,
        "parents": record.parents,
    }
    for name, entries in groups.items():
        for position, entry in enumerate(entries):
            yield f"{name}.{position}.sha256", entry.sha256


def read_records(root: Path = Path()) -> tuple[dict[Path, Record], list[str]]:
    """Records below the working folder ``root`` by their path in it, and one finding for each that cannot be used."""
    paths = record_files(root)
    if not paths:
        return {}, ["no record was found: nothing has been run in this folder"]
    records, findings = {}, []
    for path in paths:
        try:
            records[path] = read_record(root / path)
        except InputError as error:
            findings.append(f"{path}: {error.cause}")
    return records, findings


class Records(Mapping[Path, Record]):
    """Records of a working folder by their path in it, each read when it is asked for, once.

    Args:
        root: the working folder.

    Raises:
        InputError: by a lookup, when there is no sound record at the path.
    """

    def __init__(self, root: Path = Path()) -> None:
        self._root = root
        self._read: dict[Path, Record] = {}

    def __getitem__(self, path: Path) -> Record:
        """The record at ``path``."""
        if path not in self._read:
            self._read[path] = read_record(self._root / path)
        return self._read[path]

    def __iter__(self) -> Iterator[Path]:
        """Paths of all records, sorted."""
        return iter(record_files(self._root))

    def __len__(self) -> int:
        """Number of records."""
        return len(record_files(self._root))


def walk(records: Mapping[Path, Record], start: Iterable[Path], choose: Choice | None = None) -> list[Path]:
    """The records ``start`` and all that they rest on: each once, a job before its parents, the first parent first.

    Args:
        records: by path; a path that it lacks is listed and leads nowhere.
        start: paths of the records to begin with.
        choose: leaves out parents; by default none.
    """
    found: dict[Path, None] = {}
    waiting = [*start][::-1]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = None
            waiting += parents_of(records, path, choose)[::-1]
    return list(found)


def parents_of(records: Mapping[Path, Record], path: Path, choose: Choice | None = None) -> list[Path]:
    """Paths of a record's parents, but for those that ``choose`` leaves out."""
    record = records.get(path)
    parents = [Path(parent.path) for parent in record.parents] if record else []
    return [parent for parent in parents if choose is None or record is None or choose(record, records[parent])]


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their dotted name, `a.b`; an empty block is a value itself."""
    if isinstance(value, Mapping) and value:
        for name, part in value.items():
            yield from flat(part, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, value


def find_parents(inputs: Iterable[FileFacts]) -> tuple[ParentFacts, ...]:
    """Records, in the folders of ``inputs`` and above, whose outputs contain an input; each once, sorted.

    An input that is a record counts as a parent itself. Inputs outside the working folder (configuration, one's own
    data) have none.
    """
    cache: dict[Path, dict[Path, list[Path]]] = {}
    paths = [Path(entry.path) for entry in inputs if entry.base == "work"]
    found = {record for path in paths if (record := _producer(path, cache))}
    return tuple(ParentFacts(path=path.as_posix(), sha256=sha256_file(path)) for path in sorted(found))


def producer(path: Path, root: Path = Path()) -> Path | None:
    """Record of the job that wrote a file, both relative to the working folder ``root``; none of one's own files.

    Raises:
        InputError: when a record in the folder of the file, or above it, cannot be used.
    """
    found = _producer(root / path, {}, root)
    return None if found is None else found.relative_to(root)


def _producer(path: Path, cache: dict[Path, dict[Path, list[Path]]], root: Path = Path()) -> Path | None:
    if path.name.endswith(SUFFIX):
        return path
    # The input may itself be a folder, with the record of the files in it.
    for folder in (path, *path.parents):
        if folder not in cache:
            cache[folder] = {record: _outputs(record, root) for record in sorted(folder.glob(f"*{SUFFIX}"))}
        for record, outputs in cache[folder].items():
            if any(path.is_relative_to(output) or output.is_relative_to(path) for output in outputs):
                return record
        if folder == root:
            break
    return None


def _outputs(record: Path, root: Path) -> list[Path]:
    return [root / entry.path for entry in read_record(record).outputs if entry.base == "work"]
