"""Progress of a pipeline run: one live view in a terminal, a line per finished job elsewhere.

Snakemake calls it through its interface for logger plugins (`snakemake --logger meshcil`). Warnings and errors are
printed as Snakemake formats them, above the view, so that the last thing on the screen is what went wrong.
"""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from logging import ERROR, WARNING, LogRecord
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from meshcil.core.errors import InputError
from meshcil.lineage.reading import read_record, record_files
from meshcil.lineage.stages import STAGES

_TAIL = 4096
"""Bytes at the end of a log in which the last line is looked for."""
_CHATTER = (
    "Assuming unrestricted",
    "Building DAG",
    "Using shell",
    "Provided cores",
    "Rules claiming",
    "Select jobs",
    "Execute ",
    "Conda environments",
    "Singularity containers",
    "Complete log",
    "Elapsed time",
    "Using profile",
    "Using workflow specific profile",
)
"""How Snakemake's messages begin that say nothing about this run."""


@dataclass(frozen=True)
class Job:
    """A job that runs: what it is, since when (seconds), and its log."""

    rule: str
    title: str
    started: float
    log: Path | None

    def last_line(self) -> str:
        """Last line of its log: the current losses of a training."""
        if self.log is None or not self.log.is_file():
            return ""
        with self.log.open("rb") as stream:
            stream.seek(max(0, self.log.stat().st_size - _TAIL))
            lines = stream.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


@dataclass
class Progress:
    """What is planned, running and done.

    Attributes:
        planned: jobs per rule.
        running: jobs by id.
        seconds: durations of the finished jobs per rule.
        recorded: mean duration of the jobs of each rule that earlier runs have left records of.
    """

    planned: dict[str, int] = field(default_factory=dict)
    running: dict[int, Job] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    recorded: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Jobs in all."""
        return sum(self.planned.values())

    @property
    def done(self) -> int:
        """Finished jobs."""
        return sum(map(len, list(self.seconds.values())))

    def plan(self, stats: Mapping[str, Any]) -> None:
        """Take in how many jobs of each rule there are; the rule `all` does nothing."""
        self.planned = {rule: int(count) for rule, count in stats.items() if rule not in ("total", "all")}

    def start(self, number: int, job: Job) -> None:
        """A job starts, or starts again."""
        if job.rule != "all":
            self.running[number] = job

    def finish(self, number: int, now: float) -> tuple[Job, float] | None:
        """A job has ended well; the job and how long it took, or None when it is none of ours."""
        job = self.running.pop(number, None)
        if job is None:
            return None
        self.seconds.setdefault(job.rule, []).append(now - job.started)
        return job, now - job.started

    def fail(self, number: int) -> None:
        """A job has failed."""
        self.running.pop(number, None)

    def remaining(self, now: float, elapsed: float) -> float | None:
        """Seconds still to go; None until every long rule has an example.

        That is, until each rule has a finished job or a record of an earlier run, or a third of the jobs are done. Jobs
        take as long as the mean of their rule in this run, or else in earlier ones, or else of all jobs so far, and run
        side by side as they did so far.
        """
        # Copies: Snakemake starts and ends jobs while the view's thread counts.
        finished = {rule: list(values) for rule, values in list(self.seconds.items())}
        durations = [value for values in finished.values() for value in values]
        known = self.recorded | {rule: mean(values) for rule, values in finished.items()}
        if not self.planned.keys() <= known.keys() and (not durations or 3 * self.done < self.total):
            return None
        work = 0.0
        for rule, count in self.planned.items():
            each = known[rule] if rule in known else mean(durations)
            work += (count - len(finished.get(rule, []))) * each
        spent = [now - job.started for job in list(self.running.values())]
        side_by_side = max(1.0, (sum(durations) + sum(spent)) / max(elapsed, 1e-9))
        return max(0.0, work - sum(spent)) / side_by_side

    def rows(self) -> list[tuple[str, int, int, int]]:
        """Rule, done, running, waiting; in the order of the pipeline."""
        active = Counter(job.rule for job in list(self.running.values()))
        place = {rule: i for i, rule in enumerate(STAGES)}
        found = []
        for rule in sorted(self.planned, key=lambda name: place.get(name, len(place))):
            done = len(self.seconds.get(rule, []))
            found.append((rule, done, active[rule], max(0, self.planned[rule] - done - active[rule])))
        return found


def recorded_seconds() -> dict[str, float]:
    """Mean seconds of the jobs of each stage, by the records in the working folder; unreadable ones do not count."""
    found: dict[str, list[float]] = {}
    for path in record_files():
        with suppress(InputError):
            record = read_record(path)
            found.setdefault(record.stage, []).append(record.seconds)
    return {stage: mean(values) for stage, values in found.items()}


def clock(seconds: float) -> str:
    """Duration in words that fit a line."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def view(progress: Progress, now: float, elapsed: float) -> Group:
    """What the terminal shows."""
    stages = Table(box=None, padding=(0, 2, 0, 0))
    stages.add_column("stage", style="bold")
    for heading in ("done", "running", "waiting"):
        stages.add_column(heading, justify="right")
    for rule, done, active, waiting in progress.rows():
        style = "green" if active else ("dim" if not waiting else "")
        stages.add_row(rule, *(str(number) if number else "·" for number in (done, active, waiting)), style=style)
    # A copy: Snakemake starts and ends jobs while this thread draws.
    jobs = [
        Text(f"{job.title}, {clock(now - job.started)}  {job.last_line()}") for job in list(progress.running.values())
    ]
    for job in jobs:
        job.truncate(200, overflow="ellipsis")
    left = progress.remaining(now, elapsed)
    end = f", about {clock(left)} to go" if left is not None else ""
    return Group(stages, *jobs, Text(f"{progress.done} of {progress.total} jobs, {clock(elapsed)}{end}", style="bold"))


class LogHandler(LogHandlerBase):
    """Snakemake's messages as one live view, or as lines."""

    def __post_init__(self) -> None:
        """Start with nothing planned; the view opens with the first job."""
        self.console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        self.progress = Progress()
        self.begun = time.monotonic()
        self.live: Live | None = None

    @property
    def writes_to_stream(self) -> bool:
        """Standard error."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """No file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake filters."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Snakemake formats."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Counts are enough."""
        return False

    def emit(self, record: LogRecord) -> None:
        """Take in an event, or print a message."""
        event, fields, now = getattr(record, "event", None), vars(record), time.monotonic()
        if event == LogEvent.JOB_ERROR:
            self.progress.fail(fields["jobid"])
        if record.levelno >= WARNING:
            self._print(self.format(record), stop=record.levelno >= ERROR)
        elif event == LogEvent.RUN_INFO:
            self.progress.plan(fields["stats"])
            self.progress.recorded = recorded_seconds()
        elif event == LogEvent.JOB_INFO:
            log = Path(fields["log"][0]) if fields["log"] else None
            title = fields["rule_msg"] or fields["rule_name"]
            self.progress.start(fields["jobid"], Job(fields["rule_name"], title, now, log))
            self._open()
        elif event == LogEvent.JOB_FINISHED:
            self._finished(fields["job_id"], now)
        elif event is None and (text := record.getMessage()) and not text.startswith(_CHATTER):
            self._print(text)

    def _finished(self, number: int, now: float) -> None:
        ended = self.progress.finish(number, now)
        if ended is not None and self.live is None:
            job, seconds = ended
            self._print(f"[{self.progress.done}/{self.progress.total}] {job.title} ({clock(seconds)})")

    def _open(self) -> None:
        if self.live is None and self.console.is_terminal:
            self.live = Live(get_renderable=self._view, console=self.console, refresh_per_second=2, transient=True)
            self.live.start()

    def _view(self) -> Group:
        now = time.monotonic()
        return view(self.progress, now, now - self.begun)

    def _print(self, text: str, stop: bool = False) -> None:
        if stop:
            self._stop()
        self.console.print(Text(text), soft_wrap=True)

    def _stop(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None

    def close(self) -> None:
        """Leave the terminal as it was found."""
        self._stop()
        super().close()
