"""What is logged of a job, whichever tracker takes it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measurement:
    """A number at a position of a curve."""

    name: str
    value: float
    step: int


@dataclass(frozen=True)
class DataVersion:
    """A data file that a job read."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Model:
    """A model that a job finished.

    Attributes:
        folder: of its run, relative to the working folder.
        files: path -> sha256 of what it is loaded from.
    """

    folder: str
    files: dict[str, str]


@dataclass(frozen=True)
class Job:
    """A finished job.

    Attributes:
        name: stage and what tells it from its siblings, e.g. `train step2`.
        group: run, shared first step, dataset or `report` it belongs to.
        group_title: the same in few words, what tells groups apart first.
        group_id: tells apart groups of one name with other settings.
        record: path of its record.
        record_sha256: digest of the record; a job is logged once per digest.
        started: milliseconds since 1970, UTC.
        ended: milliseconds since 1970, UTC.
        params: settings of this job.
        group_params: settings that the whole group shares.
        tags: facts to search for.
        measurements: curves of the job.
        group_measurements: curves that belong to the group, such as final scores.
        data: data files read.
        model: that is registered for its group, if any.
    """

    name: str
    group: str
    group_title: str
    group_id: str
    record: str
    record_sha256: str
    started: int
    ended: int
    params: dict[str, str]
    tags: dict[str, str]
    group_params: dict[str, str] = field(default_factory=dict)
    measurements: tuple[Measurement, ...] = ()
    group_measurements: tuple[Measurement, ...] = ()
    data: tuple[DataVersion, ...] = ()
    model: Model | None = None


class Tracker(ABC):
    """Takes jobs; logging one twice changes nothing."""

    @abstractmethod
    def log(self, experiment: str, jobs: Sequence[Job], anchor: str | None = None) -> dict[str, str]:
        """Log jobs.

        Args:
            experiment: name under which they are logged.
            jobs: finished jobs.
            anchor: digest of the report's record; kept with the experiment.

        Returns:
            The tracker's id of each job by the path of its record.
        """
