"""The plan: everything that the chosen experiments ask for, resolved and validated (`meshcil.stages.plan` makes it)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from meshcil.config.aligners.base import AlignerSettings
from meshcil.config.claims import ClaimsSettings
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import Artifact, ExperimentSettings
from meshcil.config.run import RunConfig, RunKey
from meshcil.config.studies.base import StudySettings

Names = Mapping[str, str]
"""What tells a job from others of its stage: the values in the braces of its paths."""


def names_of(key: RunKey, **more: str | int) -> dict[str, str]:
    """Names of a job of a run: those of the run and, as the stage has them, `step`, `suite`, `aligner`."""
    return {name: str(value) for name, value in {**key.model_dump(), **more}.items()}


class AlignedRun(NamedTuple):
    """A run, and the aligner that is fitted to it."""

    run: RunConfig
    aligner: AlignerSettings


@dataclass(frozen=True)
class Plan:
    """Experiments and the runs they share.

    Attributes:
        config: folder with the configuration.
        experiments: settings by name.
        runs: resolved settings by key.
        first_steps: the same of the first steps, each shared by the runs that differ in their budget.
        members: keys of each experiment's runs, in its order.
        suites: after the last step, by key: those that any experiment names for the run, sorted, so that its scores do
            not depend on which experiment was asked for.
        datasets: settings by name.
        aligners: settings by name.
        aligned: runs of each experiment that are judged through an aligner, with its name.
        studies: settings by name.
        study_members: name and seed of each experiment's studies.
        claims: of the papers.
        published: by table, the values of papers that are shown next to ours.
        kept_files: scores of earlier runs that claims are judged by.
        raw_files: finds the files that the preparation of one's own dataset waits for.
        study_files: finds the files that a study waits for.
        found: what was computed from the plan and is asked for again.
    """

    config: Path
    experiments: dict[str, ExperimentSettings]
    runs: dict[RunKey, RunConfig]
    first_steps: dict[RunKey, RunConfig]
    members: dict[str, tuple[RunKey, ...]]
    suites: dict[RunKey, tuple[str, ...]]
    datasets: dict[str, DatasetSettings]
    aligners: dict[str, AlignerSettings]
    aligned: dict[str, tuple[tuple[RunKey, str], ...]]
    studies: dict[str, StudySettings]
    study_members: dict[str, tuple[tuple[str, int], ...]]
    claims: tuple[ClaimsSettings, ...]
    published: Mapping[str, Any]
    kept_files: tuple[str, ...]
    raw_files: Callable[[DatasetSettings], Sequence[str]]
    study_files: Callable[[StudySettings], Sequence[str]]
    found: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def key(self, names: Names) -> RunKey:
        """Key of the run of a job."""
        return RunKey(**{name: names[name] for name in RunKey.model_fields})

    def run(self, names: Names) -> RunConfig:
        """Settings of the run, or of the first step, of a job."""
        key = self.key(names)
        return self.runs[key] if key in self.runs else self.first_steps[key]

    def aligned_run(self, names: Names) -> AlignedRun:
        """Settings of the run and of the aligner of a job."""
        return AlignedRun(self.run(names), self.aligners[names["aligner"]])

    def dataset(self, names: Names) -> DatasetSettings:
        """Settings of the dataset of a job."""
        return self.datasets[names["dataset"]]

    def study(self, names: Names) -> StudySettings:
        """Settings of the study of a job."""
        return self.studies[names["study"]]

    def table(self, names: Names) -> Artifact:
        """Settings of the table of a job."""
        return self.artifacts("tables")[names["table"]][1]

    def figure(self, names: Names) -> Artifact:
        """Settings of the figure of a job."""
        return self.artifacts("figures")[names["figure"]][1]

    def artifacts(self, kind: str) -> dict[str, tuple[str, Artifact]]:
        """Artifacts of a kind (`tables` or `figures`): name -> experiment and settings."""
        found = {name: getattr(settings, kind) for name, settings in self.experiments.items()}
        return {a.name: (experiment, a) for experiment, artifacts in found.items() for a in artifacts}

    def step_suites(self, key: RunKey, step: int) -> tuple[str, ...]:
        """Suites predicted after ``step``: `clean`, and after the last step the run's suites.

        A suite whose test sets another one contains is left out, so that few images are predicted twice.
        """
        run = self.runs[key]
        if step < len(run.steps) - 1:
            return ("clean",)
        sets = {name: set(run.dataset.suites[name]) for name in ("clean", *self.suites[key])}
        return tuple(
            name
            for k, (name, own) in enumerate(sets.items())
            if not any(own < other or (own == other and i < k) for i, other in enumerate(sets.values()))
        )
