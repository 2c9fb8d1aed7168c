"""Check that what the records say is still true of the files."""

from pathlib import Path

from pydantic import ValidationError

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.files import SUFFIX, file_facts
from meshcil.lineage.schema import FileFacts, Record

_FOLDERS = ("data", "results", "reports")


def audit() -> list[str]:
    """What differs between the records in the working folder and the files they name; empty when nothing does.

    Every output and input is hashed again, once, and every record of a producer is compared with what its consumers
    noted of it. Configuration files are left out: the settings that a job used stand in its record.
    """
    findings: list[str] = []
    digests: dict[tuple[str, str], str] = {}
    paths = sorted(path for name in _FOLDERS for path in Path(name).rglob(f"*{SUFFIX}"))
    if not paths:
        return ["no record was found: nothing has been run in this folder"]
    for path in paths:
        try:
            record = Record.model_validate(read_json(path))
        except (InputError, ValidationError) as error:
            findings.append(f"{path}: is not a valid record ({error})")
            continue
        for entry in (*record.inputs, *record.outputs):
            if entry.base != "repository":
                findings += _compare(path, entry, digests)
        for parent in record.parents:
            file = Path(parent.path)
            if not file.is_file() or sha256_file(file) != parent.sha256:
                findings.append(f"{parent.path}: is not the record that {path} was made from")
    return list(dict.fromkeys(findings))


def _compare(record: Path, entry: FileFacts, digests: dict[tuple[str, str], str]) -> list[str]:
    key = (entry.base, entry.path)
    if key not in digests:
        try:
            digests[key] = file_facts(Path(entry.path)).sha256
        except InputError as error:
            digests[key] = f"unreadable: {error.cause}"
    if digests[key] == entry.sha256:
        return []
    cause = digests[key] if digests[key].startswith("unreadable") else "has changed"
    return [f"{entry.path}: {cause} since {record} was written"]
