"""How much of the machine's time went into stages, from the records of a finished run on one machine."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


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
    jobs = [json.loads(path.read_text(encoding="utf-8")) for path in records if path.is_file()]
    places = {(job["environment"]["host"], job["environment"]["cores"]) for job in jobs}
    if len(places) != 1 or any(job["environment"]["slurm_job_id"] or not job["pipeline"] for job in jobs):
        return None
    cores = places.pop()[1]
    ends: dict[str, float] = defaultdict(float)
    for job in jobs:
        ends[job["pipeline"]] = max(ends[job["pipeline"]], datetime.fromisoformat(job["ended"]).timestamp())
    wall = sum(end - _start(pipeline) for pipeline, end in ends.items())
    inside = sum(job["seconds"] * _cores_used(job, cores) for job in jobs)
    return Scheduling(wall, cores, inside)


def _start(pipeline: str) -> float:
    return datetime.strptime(pipeline.split("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _cores_used(job: Mapping[str, Any], cores: int) -> int:
    return min(int(job["environment"]["threads"]), cores)


def describe(times: Scheduling) -> str:
    """One line for the terminal."""
    minutes = times.wall / 60
    return f"{times.outside:.0%} of {times.cores} cores x {minutes:.1f} min was spent outside stages."
