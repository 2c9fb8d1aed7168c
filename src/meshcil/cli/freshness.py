"""Finished jobs that do not fit any more: Snakemake neither misses intermediate files nor reads the records."""

from collections.abc import Mapping
from pathlib import Path

from meshcil.core.code_digest import code_digest, repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.jobs import Job, listed
from meshcil.lineage.plan import Plan
from meshcil.lineage.reading import read_record
from meshcil.lineage.stages import planned_jobs

MISSING = "files are missing"


def is_missing(job: Job) -> bool:
    """Whether the job's record or one of its outputs does not exist."""
    return not all(Path(path).exists() for path in (*listed(job.outputs), job.first))


def misfit(job: Job) -> str:
    """Why the record of a finished job is not one of the plan as it is now; empty when it is."""
    try:
        record = read_record(job.record)
    except InputError as error:
        return error.cause
    if record.settings.values != job.settings:
        return "made with other settings"
    if record.code.digest != code_digest(*job.modules):
        return "made by other code"
    lock = repository_root() / "requirements.lock"
    return "" if record.source.lock_sha256 == sha256_file(lock) else "made with other packages"


def outdated(plan: Plan) -> dict[Path, str]:
    """Record -> reason, for the jobs that have to be run again although Snakemake may not see why.

    Of the jobs whose files are missing, these are the ones that a finished job reads. The others are asked for by what
    is missing itself.
    """
    jobs = planned_jobs(plan)
    missing = {record: job for record, job in jobs.items() if is_missing(job)}
    if len(missing) == len(jobs):
        return {}
    present = {record: job for record, job in jobs.items() if record not in missing}
    read = {path for job in present.values() for path in listed(job.inputs)}
    found = {record: MISSING for record, job in missing.items() if not read.isdisjoint(listed(job.outputs))}
    return found | {record: reason for record, job in present.items() if (reason := misfit(job))}


def described(found: Mapping[Path, str]) -> str:
    """One line for the screen."""
    (record, reason), *others = found.items()
    more = f", and {len(others)} more" if others else ""
    return f"note: runs again what does not fit any more: {record.parent} ({reason}){more}"
