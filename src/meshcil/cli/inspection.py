"""The audit: everything that can be known without training again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshcil.cli.configuration import check_configuration
from meshcil.cli.recomputation import check_recomputed
from meshcil.cli.reexecution import check_sample
from meshcil.cli.tags import check_tags
from meshcil.lineage.anchor import FINAL, anchor, check_anchor
from meshcil.lineage.audit import beside_report, check_files, current, divide
from meshcil.lineage.history import check_code, check_commits, comparable
from meshcil.lineage.installed import check_environment, check_lock
from meshcil.lineage.reading import read_records
from meshcil.lineage.schema import Record
from meshcil.lineage.versions import check_dvc

_NAMED = 5
"""Altered things that the note on records beside the report names; the others it counts."""


@dataclass(frozen=True)
class Inspection:
    """Result of an audit.

    Attributes:
        findings: what differs, each with the file first; none on untouched files.
        notes: what could not be checked, and why; what differs without touching the report.
        jobs: records that the report rests on, or all before there is one.
        anchor: digest of the report's record; none without one.
    """

    findings: tuple[str, ...]
    notes: tuple[str, ...]
    jobs: int
    anchor: str | None


def inspect(against: str | None = None, sample: int = 0) -> Inspection:
    """Audit the working folder; see docs/audit.md for what each part can and cannot show.

    Differences are findings where the report rests on them. A folder also holds other experiments, which may be edited
    and run again at any time: of these a note tells.

    Args:
        against: what the report's record is compared with; see `meshcil.lineage.anchor.check_anchor`.
        sample: training steps to run again.

    Raises:
        InputError: when ``against`` cannot be understood.
    """
    found, damaged = read_records()
    records, others = divide(current(found))
    spoilt = beside_report(damaged, found)
    findings = [finding for finding in damaged if finding not in spoilt]
    same, notes = comparable(records)
    digests: dict[str, str] = {}
    parts = (
        *_checks(records, same, digests),
        _check(check_anchor, against),
        _check(check_dvc, records),
        _check(check_sample, records, sample),
    )
    for more, remarks in parts:
        findings += more
        notes += remarks
    notes += _beside(others, [*spoilt, *_differences(others, digests)], findings)
    notes += check_environment(records)
    digest = anchor() if FINAL in records else None
    return Inspection(tuple(dict.fromkeys(findings)), tuple(notes), len(records), digest)


def _checks(
    records: Mapping[Path, Record], same: Mapping[Path, Record], digests: dict[str, str]
) -> list[tuple[list[str], list[str]]]:
    """Findings and notes on any records; ``same`` are those whose code can be compared."""
    return [
        _check(check_files, records, digests),
        _check(check_code, same),
        _check(check_configuration, records),
        _check(check_lock, records),
        _check(check_recomputed, records),
        _check(check_commits, same),
        _check(check_tags, records),
    ]


def _differences(others: Mapping[Path, Record], digests: dict[str, str]) -> list[str]:
    """What differs in records that the report does not rest on."""
    if not others:
        return []
    same, _ = comparable(others)
    return [finding for found, _ in _checks(others, same, digests) for finding in found]


def _beside(others: Mapping[Path, Record], differences: Sequence[str], findings: Sequence[str]) -> list[str]:
    """Notes on records that the report does not rest on."""
    notes = []
    if others:
        first = next(iter(others))
        notes.append(f"{len(others)} records are not behind the report, so its anchor does not cover them: {first}")
    # What the report's own jobs used as well, such as a package, is a finding already.
    known = set(map(_thing, findings))
    own = [difference for difference in dict.fromkeys(differences) if _thing(difference) not in known]
    if own:
        things = list(dict.fromkeys(map(_thing, own)))
        more = f" and {len(things) - _NAMED} more" if len(things) > _NAMED else ""
        what = ", ".join(things[:_NAMED]) + more
        notes.append(f"{len(own)} differences touch only records that are not behind the report: {what}")
    return notes


def _thing(finding: str) -> str:
    """What a finding says was altered."""
    return finding.partition(": ")[0]


def _check(check: Callable[..., Any], *arguments: Any) -> tuple[list[str], list[str]]:
    """Findings and notes of a check; a file that it cannot read is its finding."""
    try:
        found = check(*arguments)
    except OSError as error:
        return [f"{error.filename}: cannot be read ({error.strerror})"], []
    return found if isinstance(found, tuple) else (found, [])
