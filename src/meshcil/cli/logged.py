"""The log against the records: every job of the plan in it, and none of its kind taken away."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.log import LOG, START, is_logged, read_log
from meshcil.lineage.schema import Record
from meshcil.lineage.stages import writer

_DRAWS = ("seed", "step", "suite", "aligner")
"""Names by which jobs of one kind differ: with another seed it is the same measurement again."""


def check_log(planned: Collection[Path], records: Mapping[Path, Record]) -> tuple[list[str], list[str]]:
    """Compare the log with records.

    Args:
        planned: paths of the records of the plan's jobs.
        records: that the report rests on.

    Returns:
        Findings: lines that were taken out or altered, records that are not the logged ones, and measurements of the
        plan's kinds, such as those of another seed, that were made and are gone. Notes: jobs that were made again, and
        other records that are gone.
    """
    try:
        found = read_log()
    except InputError as error:
        return [f"{error.where}: {error.cause}"], []
    findings = [f"{LOG}: line {found.broken} does not follow the one before it"] if found.broken else []
    known = {START, *found.digests}
    torn = next((path for path, record in records.items() if record.log not in (None, *known)), None)
    findings += [f"{LOG}: lacks a line that {torn} knows of"] if torn else []
    for path in filter(is_logged, records):
        if path not in found.jobs:
            findings.append(f"{path}: is not in {LOG}, which every job adds a line to as it ends")
        elif found.jobs[path][-1] != sha256_file(path):
            findings.append(f"{path}: is not the record that {LOG} names last")
    kinds = {kind for path in planned if (kind := _kind(path))}
    gone = [path for path in found.jobs if path not in records and not path.exists()]
    left_out = [path for path in gone if _kind(path) in kinds]
    findings += [f"{path}: was made, says {LOG}, and is gone; make it again, or all anew" for path in left_out]
    others = [path for path in gone if path not in left_out]
    notes = [f"{len(others)} records of other jobs were made and are gone: {others[0]}"] if others else []
    again = _again(path for path in found.jobs if len(found.jobs[path]) > 1 and path in records)
    return findings, notes + again


def _again(paths: Iterable[Path]) -> list[str]:
    found = list(paths)
    return [f"{len(found)} jobs were made more than once, {LOG} says: {found[0]}"] if found else []


def _kind(record: Path) -> tuple[tuple[str, str], ...] | None:
    """What a measurement is of, whatever its seed; none of what is made from measurements."""
    pair = writer(record)
    if pair is None or "seed" not in pair[1]:
        return None
    return tuple((name, value) for name, value in pair[1].items() if name not in _DRAWS)
