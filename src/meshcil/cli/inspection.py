"""The audit: everything that can be known without training again."""

from dataclasses import dataclass

from meshcil.cli.configuration import check_configuration
from meshcil.cli.recomputation import check_recomputed
from meshcil.cli.reexecution import check_sample
from meshcil.cli.tags import check_tags
from meshcil.lineage.anchor import check_anchor, unreached
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
    """

    findings: tuple[str, ...]
    notes: tuple[str, ...]
    jobs: int


def inspect(against: str | None = None, sample: int = 0) -> Inspection:
    """Audit the working folder; see docs/audit.md for what each part can and cannot show.

    Args:
        against: what the report's record is compared with; see `meshcil.lineage.anchor.check_anchor`.
        sample: training steps to run again.

    Raises:
        InputError: when ``against`` cannot be understood.
    """
    anchored, notes = check_anchor(against)
    records, findings = read_records()
    records = current(records)
    same, remarks = comparable(records)
    notes += remarks
    findings += check_files(records) + check_code(same) + check_configuration(records) + check_lock(records)
    findings += check_recomputed(records) + anchored
    for more, remarks in (check_commits(same), check_dvc(records), check_tags(records), check_sample(records, sample)):
        findings += more
        notes += remarks
    loose = unreached(records)
    if loose:
        notes.append(f"{len(loose)} records are not behind the report, so its anchor does not cover them: {loose[0]}")
    notes += check_environment(records)
    return Inspection(tuple(dict.fromkeys(findings)), tuple(notes), len(records))
