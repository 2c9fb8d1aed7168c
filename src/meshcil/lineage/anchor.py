"""The anchor: the digest of the report's record, which stands at the end of every chain."""

import re
from collections.abc import Mapping
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.files import record_in
from meshcil.lineage.paths import REPORTS
from meshcil.lineage.reading import walk
from meshcil.lineage.schema import SUFFIX, Record
from meshcil.lineage.source import git

FINAL = record_in(REPORTS, "report")
"""Record of the report."""
ANCHOR = REPORTS / "ANCHOR"
"""Its digest, in the form that `sha256sum --check` reads."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


def anchor_text(record: Path) -> str:
    """Line that `sha256sum --check` reads, for a record beside the anchor."""
    return f"{sha256_file(record)}  {record.name}\n"


def anchor() -> str | None:
    """Digest of the report's record; none before there is a report."""
    return sha256_file(FINAL) if FINAL.is_file() else None


def check_anchor(against: str | None) -> tuple[list[str], list[str]]:
    """Compare the report's record with its anchor.

    Args:
        against: a digest, a file with one (or a record), or a git revision that holds `reports/ANCHOR`; by default
            the file `reports/ANCHOR`.

    Returns:
        Findings and notes.

    Raises:
        InputError: when ``against`` is none of these.
    """
    found = anchor()
    if found is None:
        return ([f"{FINAL}: is missing"] if against or ANCHOR.exists() else []), ["there is no report yet"]
    if against is None and not ANCHOR.is_file():
        return [f"{ANCHOR}: is missing"], []
    expected = _digest_in(ANCHOR) if against is None else _resolve(against)
    return ([] if found == expected else [f"{FINAL}: is not the record that {against or ANCHOR} names"]), []


def _resolve(against: str) -> str:
    if _DIGEST.fullmatch(against):
        return against
    path = Path(against)
    if path.is_file():
        return sha256_file(path) if path.name.endswith(SUFFIX) else _digest_in(path)
    text = (git(repository_root(), "show", f"{against}:{ANCHOR.as_posix()}") or b"").decode(errors="replace")
    if not _DIGEST.match(text):
        raise InputError(against, f"is no digest, no file, and no revision that holds {ANCHOR}", "Name one of these")
    return text[:64]


def _digest_in(path: Path) -> str:
    text = path.read_bytes().decode(errors="replace")
    return text[:64]


def unreached(records: Mapping[Path, Record]) -> list[Path]:
    """Records that do not lead to the report, such as those of another experiment; the anchor does not cover them."""
    if FINAL not in records:
        return []
    behind = set(walk(records, [FINAL]))
    return [path for path in records if path not in behind and records[path].stage != "track"]


def shown_experiments(records: Mapping[Path, Record]) -> str | None:
    """Experiments that the present report shows, separated by commas; none before there is one."""
    return str(records[FINAL].key.get("experiments", "")) if FINAL in records else None
