"""The audit: everything that can be known without training again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshcil.cli.configuration import check_configuration
from meshcil.cli.recomputation import check_recomputed
from meshcil.cli.reexecution import check_sample
from meshcil.cli.tags import check_tags
from meshcil.lineage.anchor import FINAL, anchor, check_anchor, unreached
from meshcil.lineage.audit import check_files, current, read_records
from meshcil.lineage.history import check_code, check_commits, comparable
from meshcil.lineage.installed import check_environment, check_lock
from meshcil.lineage.versions import check_dvc


@dataclass(frozen=True)
class Inspection:
    """Result of an audit.

    Attributes:
        findings: what differs, each with the file first; none on untouched files.
        notes: what could not be checked, and why.
        jobs: records that were read.
        anchor: digest of the report's record; none without one.
    """

    findings: tuple[str, ...]
    notes: tuple[str, ...]
    jobs: int
    anchor: str | None


def inspect(against: str | None = None, sample: int = 0) -> Inspection:
    """Audit the working folder; see docs/audit.md for what each part can and cannot show.

    Args:
        against: what the report's record is compared with; see `meshcil.lineage.anchor.check_anchor`.
        sample: training steps to run again.

    Raises:
        InputError: when ``against`` cannot be understood.
    """
    records, findings = read_records()
    records = current(records)
    same, notes = comparable(records)
    parts = (
        _check(check_files, records),
        _check(check_code, same),
        _check(check_configuration, records),
        _check(check_lock, records),
        _check(check_recomputed, records),
        _check(check_anchor, against),
        _check(check_commits, same),
        _check(check_dvc, records),
        _check(check_tags, records),
        _check(check_sample, records, sample),
    )
    for more, remarks in parts:
        findings += more
        notes += remarks
    loose = unreached(records)
    if loose:
        notes.append(f"{len(loose)} records are not behind the report, so its anchor does not cover them: {loose[0]}")
    notes += check_environment(records)
    digest = anchor() if FINAL in records else None
    return Inspection(tuple(dict.fromkeys(findings)), tuple(notes), len(records), digest)


def _check(check: Callable[..., Any], *arguments: Any) -> tuple[list[str], list[str]]:
    """Findings and notes of a check; a file that it cannot read is its finding."""
    try:
        found = check(*arguments)
    except OSError as error:
        return [f"{error.filename}: cannot be read ({error.strerror})"], []
    return found if isinstance(found, tuple) else (found, [])
