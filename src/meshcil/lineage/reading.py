"""Reading records back: what is wrong with one is said in a sentence, never shown as a traceback."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_json
from meshcil.lineage.files import SUFFIX
from meshcil.lineage.schema import SCHEMA_VERSION, Record

FOLDERS = ("data", "results", "reports")
"""Where records lie, below the working folder."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REMEDY = "Restore it, or delete it and run the pipeline again"


def record_files() -> list[Path]:
    """All records below the working folder, sorted."""
    return sorted(path for name in FOLDERS for path in Path(name).rglob(f"*{SUFFIX}"))


def read_record(path: Path) -> Record:
    """A record, checked against its schema.

    Raises:
        InputError: when it is missing, truncated, no file, unreadable, of another layout, or contradicts itself.
    """
    try:
        content = read_json(path)
        text = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "Check the file and its permissions") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        cause = f"is a record of layout {version}; this MeshCIL knows layouts up to {SCHEMA_VERSION}"
        raise InputError(path, cause, "Use the version of MeshCIL that wrote it")
    try:
        record = Record.model_validate_json(text, strict=True)
    except ValidationError as error:
        cause = "; ".join(f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors())
        raise InputError(path, f"is not a valid record ({cause})", _REMEDY) from error
    for field, digest in _digests(record):
        if not _SHA256.fullmatch(digest):
            raise InputError(path, f"`{field}` is no SHA-256 digest: {digest!r}", _REMEDY)
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
