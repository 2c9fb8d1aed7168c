"""What the records of the jobs say about how the numbers were made: code, machine, time."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from meshcil.config.experiment import ExperimentSettings, run_keys, study_jobs
from meshcil.config.run import RunKey
from meshcil.lineage.schema import Record
from meshcil.reporting.table import Table

_UNKNOWN = "not recorded"
_FEW = 4
"""Values up to which all are named."""
_TRAINING = ("train", "study")
"""Stages whose seeds are training seeds."""


@dataclass(frozen=True)
class Fact:
    """One line of the report's "how it was made"."""

    name: str
    value: str
    detail: str = ""


def facts(records: Sequence[Record], versions: Mapping[str, str]) -> list[Fact]:
    """Code, environment, machine, seeds and dates of the jobs; several values are listed with their job counts.

    Args:
        records: of all jobs.
        versions: of the main packages; empty when they cannot be vouched for.
    """
    if not records:
        return []
    source = [record.source for record in records]
    environment = [record.environment for record in records]
    seeds = sorted({record.seed for record in records if record.stage in _TRAINING and record.seed is not None})
    begin, end = span(records)
    return [
        Fact("Measured", begin[:10], f"{begin[11:19]} to {end[11:19] if end[:10] == begin[:10] else end[:19]} UTC"),
        Fact("Commit", *_listed(_short(s.commit) if s.commit else "no git" for s in source)),
        Fact("Uncommitted changes", *_listed(_dirty(s.dirty) for s in source)),
        Fact("Lock file (sha256)", *_listed(_short(s.lock_sha256) for s in source)),
        Fact("Installed packages (sha256)", *_listed(_short(e.packages_sha256) for e in environment)),
        Fact("Python", *_listed(e.python for e in environment)),
        Fact("Main packages", ", ".join(f"{name} {version}" for name, version in versions.items()) or _UNKNOWN),
        Fact("Machine", *_listed(e.host for e in environment)),
        Fact("Platform", *_listed(e.platform for e in environment)),
        Fact("Instructions", *_listed(e.instructions or _UNKNOWN for e in environment)),
        Fact("Processor cores", *_listed(str(e.cores or _UNKNOWN) for e in environment)),
        Fact("Device", *_listed(e.device for e in environment)),
        Fact("Threads per job", *_listed(str(e.threads) for e in environment)),
        Fact("Training seeds", ", ".join(map(str, seeds)) or _UNKNOWN),
        Fact("Jobs", str(len(records)), f"{duration(total_seconds(records))} of work in all"),
    ]


def extent(experiment: ExperimentSettings, records: Sequence[Record]) -> tuple[Fact, ...]:
    """What an experiment consists of, and what its jobs took.

    Args:
        experiment: settings.
        records: of the jobs behind its tables and figures; those shared with other experiments count in each.
    """
    runs, studies = list(run_keys(experiment)), study_jobs(experiment)
    found = []
    if runs:
        numbers = {name: len({getattr(run, name) for run in runs}) for name in RunKey.model_fields}
        always = ("method", "budget", "seed")
        parts = [_amount(number, name) for name, number in numbers.items() if number > 1 or name in always]
        found.append(Fact("Runs", f"{len(runs)} ({', '.join(parts)})"))
    if studies:
        named, seeds = {name for name, _ in studies}, {seed for _, seed in studies}
        found.append(Fact("Studies", f"{len(named)} ({_amount(len(seeds), 'seed')} each)"))
    if records:
        work = duration(total_seconds(records))
        found.append(Fact("Measured cost", f"{_amount(len(records), 'job')}, {work} of work"))
    return tuple(found)


def _amount(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def made_by(records: Sequence[Record]) -> str:
    """One sentence: date, commit, seeds, machine and cost of the jobs."""
    known = {fact.name: fact for fact in facts(records, {})}
    commits = known["Commit"].value.replace(", ", "`, `")
    return (
        f"Measured on {known['Measured'].value} at commit `{commits}` "
        f"(uncommitted changes: {known['Uncommitted changes'].value}), "
        f"training seeds: {known['Training seeds'].value}. {known['Jobs'].value} jobs behind the scores, "
        f"{known['Jobs'].detail}, "
        f"{known['Processor cores'].value} processor cores, {known['Device'].value}."
    )


def _listed(values: Iterable[str]) -> tuple[str, str]:
    counts = Counter(values)
    if len(counts) == 1:
        return next(iter(counts)), ""
    names = [value for value, _ in counts.most_common()]
    parts = [f"{value} ({_amount(number, 'job')})" for value, number in counts.most_common()]
    return ", ".join(names) if len(names) <= _FEW else f"{names[0]} and {len(names) - 1} more", ", ".join(parts)


def _short(digest: str | None) -> str:
    return digest[:12] if digest else _UNKNOWN


def _dirty(dirty: bool | None) -> str:
    return {None: _UNKNOWN, True: "yes", False: "none"}[dirty]


def span(records: Sequence[Record]) -> tuple[str, str]:
    """Start of the first and end of the last job, ISO 8601."""
    return min(r.started for r in records), max(r.ended for r in records)


def total_seconds(records: Iterable[Record]) -> float:
    """Sum of the jobs' durations."""
    return float(sum(record.seconds for record in records))


def duration(seconds: float) -> str:
    """Duration for people: `12.3 s`, `4 min 05 s`, `2 h 10 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def runtime(records: Sequence[Record]) -> Table:
    """Run time of the jobs of each stage, in the order in which the stages first ran."""
    rows = sorted(((r.started, r.stage, r.seconds) for r in records), key=lambda row: row[:2])
    frame = pd.DataFrame(rows, columns=["started", "stage", "seconds"])
    grouped = frame.groupby("stage", sort=False)["seconds"].agg(["size", "sum", "mean", "max"]).reset_index()
    times = grouped.rename(columns={"size": "jobs", "sum": "total", "max": "longest"})
    measured = ["total", "mean", "longest"]
    return Table(times[["stage", "jobs"]], times[measured], dict.fromkeys(measured, "s"))
