"""`meshcil status`: which jobs are done, run, wait or failed, how long the rest may take, and the runs in MLflow."""

import fcntl
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean

from rich.console import Console
from rich.table import Table

from meshcil.cli import slurm
from meshcil.cli.freshness import is_missing
from meshcil.cli.profiles import load_profile
from meshcil.cli.submit import LOCK, Failure, failures, job_prefix, snakemake_logs
from meshcil.config.run import ANY_BUDGET
from meshcil.core.errors import InputError
from meshcil.lineage.jobs import Job
from meshcil.lineage.lock import lock_path
from meshcil.lineage.plan import Plan
from meshcil.lineage.reading import read_record, record_files
from meshcil.lineage.stages import experiment_jobs
from meshcil.tracking.stored import DATABASE, StoredRun, stored_runs

STATES = ("done", "running", "waiting", "failed")


@dataclass(frozen=True)
class JobState:
    """A job of the plan.

    Attributes:
        record: path of its record, which exists once it is done.
        stage: stage of the pipeline.
        family: jobs of one stage and method, which take about the same time.
        chain: run whose steps follow each other, or the record itself.
        state: one of `STATES`.
        seconds: recorded duration when done.
    """

    record: Path
    stage: str
    family: str
    chain: str
    state: str
    seconds: float | None


@dataclass(frozen=True)
class Progress:
    """State of an experiment.

    Attributes:
        jobs: in the order of the pipeline.
        failed: what failed in the last run of Snakemake and is not done since.
        queue: jobs of this folder that Slurm knows, when it is installed.
        active: whether a run works in this folder on this machine.
        seconds: estimated time until the end, None without a recorded time to go by.
    """

    jobs: tuple[JobState, ...]
    failed: tuple[Failure, ...]
    queue: tuple[slurm.SlurmJob, ...]
    active: bool
    seconds: float | None


def progress(plan: Plan) -> Progress:
    """What the folder's files, locks and logs, and Slurm's queue, say about the experiments of a plan."""
    logs = sorted(snakemake_logs(), key=lambda path: path.stat().st_mtime)
    failed = tuple(failures(logs[-1])) if logs else ()
    queue: tuple[slurm.SlurmJob, ...] = ()
    # Installed but not configured, as on a compute node without a controller: then nothing can have been queued.
    with suppress(InputError):
        queue = tuple(slurm.alive(job_prefix(load_profile("slurm"))))
    planned = {path: job for name in plan.experiments for path, job in experiment_jobs(plan, name).items()}
    broken = {str(Path(name)) for failure in failed for name in failure.outputs}
    jobs = tuple(_state(job, broken) for job in planned.values())
    workers = max(1, sum(job.state == "RUNNING" for job in queue) or os.cpu_count() or 1)
    return Progress(jobs, failed, queue, is_locked(LOCK), remaining_seconds(jobs, workers))


def _state(job: Job, failed: Iterable[str]) -> JobState:
    stage, names = job.stage.name, job.names
    family = f"{stage} {names['method']}" if "method" in names else stage
    chain = job.plan.key(names).path if "method" in names else job.record.as_posix()
    seconds = None
    with suppress(InputError):
        record = read_record(job.record)
        # What is altered or was made with other settings is run again by `make reproduce`.
        seconds = record.seconds if record.settings.values == job.settings and not is_missing(job) else None
    if seconds is not None:
        state = "done"
    elif str(job.record) in failed:
        state = "failed"
    else:
        state = "running" if is_locked(lock_path(job.first)) else "waiting"
    return JobState(job.record, stage, family, chain, state, seconds)


def is_locked(path: Path) -> bool:
    """Whether a process on this machine holds the lock; the file alone may have outlived a killed one."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def remaining_seconds(jobs: Sequence[JobState], workers: int) -> float | None:
    """Estimated seconds for the jobs that are not done.

    A job takes as long as the finished ones of its stage and method did, or else of its stage; jobs of which nothing
    is known count as nothing unless that is all there is. Steps of one run follow each other, and its first step may be
    shared, so the longest chain is a lower bound beside the total work over ``workers``.
    """
    known: Mapping[str, list[float]] = defaultdict(list)
    for job in jobs:
        if job.seconds is not None:
            known[job.family].append(job.seconds)
            known[job.stage].append(job.seconds)
    left = [job for job in jobs if job.state != "done"]
    guesses = [(job, mean(known.get(job.family) or known.get(job.stage) or [0.0])) for job in left]
    if left and not any(guess for _, guess in guesses):
        return None
    chains: dict[str, float] = defaultdict(float)
    for job, guess in guesses:
        chains[job.chain] += guess
    longest = max((chains[chain] + chains.get(first_step(chain), 0.0) for chain in [*chains]), default=0.0)
    return max(sum(guess for _, guess in guesses) / workers, longest)


def first_step(chain: str) -> str | None:
    """Chain with the first step of a run, which the runs of all budgets share; None of any other chain."""
    run = re.fullmatch(r"(.+)/([^/]+)/(seed\d+)", chain)
    return f"{run[1]}/{ANY_BUDGET}/{run[3]}" if run and run[2] != ANY_BUDGET else None


def show(found: Progress, experiments: str) -> str:
    """Text for the terminal: counts by stage, reasons, the time left, and how ``experiments`` go on."""
    counts: dict[str, dict[str, int]] = {}
    for job in found.jobs:
        counts.setdefault(job.stage, dict.fromkeys(STATES, 0))[job.state] += 1
    total = {state: sum(row[state] for row in counts.values()) for state in STATES}
    lines = [f"{'stage':14s}{''.join(f'{state:>9s}' for state in STATES)}"]
    lines += [f"{stage:14s}{_row(row)}" for stage, row in {**counts, "all": total}.items()]
    lines += [f"running: {job.record.parent} ({job.stage})" for job in found.jobs if job.state == "running"]
    lines += [f"Slurm {job.id}: {job.state.lower()}, {job.reason} {job.comment}" for job in found.queue]
    for failure in found.failed:
        where = failure.log or failure.slurm_log or "no log"
        lines.append(f"failed: {failure.rule} ({failure.outputs[0] if failure.outputs else ''}), see {where}")
    lines.append(_outlook(found, experiments, total["done"] == len(found.jobs)))
    return "\n".join(lines)


def _row(row: Mapping[str, int]) -> str:
    return "".join(f"{row[state] or '':>9}" for state in STATES)


def _outlook(found: Progress, experiments: str, finished: bool) -> str:
    if finished:
        times = scheduling(job.record for job in found.jobs)
        return f"{describe(times)}\nEverything is done." if times else "Everything is done."
    if found.seconds is None:
        left = "unknown time left: no job of this kind has finished yet"
    else:
        minutes = max(1, round(found.seconds / 60))
        left = f"about {minutes} min left" if minutes < 120 else f"about {minutes / 60:.1f} h left"
    works = found.active or found.queue
    idle = f"Not running; `make reproduce EXPERIMENT={experiments}` resumes it"
    return f"{'Running' if works else idle}; {left}."


@dataclass(frozen=True)
class Scheduling:
    """Times of the invocations that made some records.

    Attributes:
        wall: seconds from each invocation's start to the end of its last job, summed.
        cores: of the machine.
        inside: seconds of jobs times the cores they used.
    """

    wall: float
    cores: int
    inside: float

    @property
    def outside(self) -> float:
        """Share of the cores' time that was not spent inside stages: starting processes, scheduling, waiting."""
        return 1 - self.inside / (self.wall * self.cores)


def scheduling(records: Iterable[Path]) -> Scheduling | None:
    """Time inside and outside stages of the jobs whose records exist.

    Jobs that were killed count as time outside, for they left no record.

    Returns:
        The times; None when jobs ran under Slurm, on several machines, or by hand, where no wall time can be known.
    """
    jobs = [read_record(path) for path in records if path.is_file()]
    places = {(job.environment.host, job.environment.cores) for job in jobs}
    cores = next(iter(places))[1] if len(places) == 1 else None
    if cores is None or any(job.environment.slurm_job_id for job in jobs):
        return None
    ends: dict[str, float] = defaultdict(float)
    for job in jobs:
        if not job.pipeline:
            return None
        ends[job.pipeline] = max(ends[job.pipeline], datetime.fromisoformat(job.ended).timestamp())
    wall = sum(end - _start(pipeline) for pipeline, end in ends.items())
    inside = sum(job.seconds * min(job.environment.threads, cores) for job in jobs)
    return Scheduling(wall, cores, inside)


def _start(pipeline: str) -> float:
    return datetime.strptime(pipeline.split("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def describe(times: Scheduling) -> str:
    """One line for the terminal."""
    minutes = times.wall / 60
    return f"{times.outside:.0%} of {times.cores} cores x {minutes:.1f} min was spent outside stages."


HEADLINES = {
    "average": "clean/average_incremental_accuracy",
    "last": "clean/last_accuracy",
    "forgetting": "clean/forgetting_before_last",
    "pose 30°": "clean/pose_accuracy_pi6",
}
"""Column -> metric, shown in percent; a run without it leaves a blank."""


def show_runs() -> None:
    """Print the runs in the database, the newest first: state, age, headline metrics.

    Raises:
        InputError: when there is no database, or it is damaged.
    """
    if not DATABASE.is_file():
        if not record_files():
            raise InputError(DATABASE, "does not exist; nothing has been run here", "Run `make reproduce`")
        raise InputError(DATABASE, "does not exist", "`meshcil track --rebuild` makes it from the records")
    Console(width=None if Console().is_terminal else 160).print(run_table(stored_runs(), time.time()))


def run_table(runs: Sequence[StoredRun], now: float) -> Table:
    """Table of runs, but for the first steps that they share; ``now`` in seconds since 1970."""
    table = Table("experiment", "run", "state", "ended", box=None)
    for name in HEADLINES:
        table.add_column(f"{name} [%]".replace("[", r"\["), justify="right")
    for run in (run for run in runs if f"/{ANY_BUDGET}/" not in run.group):
        values = [run.metrics.get(metric) for metric in HEADLINES.values()]
        shown = ["" if value is None else f"{100 * value:.2f}" for value in values]
        table.add_row(run.experiment, run.name, run.state.lower(), age(run.ended, now), *shown)
    return table


def age(ended: int | None, now: float) -> str:
    """How long ago, for people."""
    if ended is None:
        return "not yet"
    seconds = max(0, round(now - ended / 1000))
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size * (2 if unit == "days" else 1):
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
