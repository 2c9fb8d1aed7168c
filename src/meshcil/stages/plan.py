"""What the chosen experiments ask for: every run resolved and validated before any job starts."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshcil.config.aligners.base import AlignerSettings, load_aligner
from meshcil.config.base import Settings, read_yaml
from meshcil.config.claims import ClaimsSettings, load_claims
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import (
    Artifact,
    ExperimentSettings,
    experiment_names,
    load_experiment,
    run_aligners,
    run_keys,
    study_jobs,
)
from meshcil.config.run import RunConfig, RunKey, load_dataset
from meshcil.config.studies.base import StudySettings, load_study
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_json
from meshcil.lineage.code import (
    aligner_modules,
    artifact_modules,
    data_modules,
    report_modules,
    run_modules,
    settings_modules,
    stage_module,
    study_modules,
    track_modules,
)
from meshcil.memory.budget import parse_budget
from meshcil.stages.checks import (
    check_aligner,
    check_artifacts,
    check_bytes,
    check_raw_files,
    check_study,
    check_weights,
)
from meshcil.stages.resolve import resolve_run

_SMALL_IMAGE = 128 * 128
"""Pixels of an image for which the base resources of a job were chosen."""


@dataclass(frozen=True)
class Plan:
    """Experiments and the runs they share.

    Attributes:
        experiments: settings by name.
        runs: resolved settings by key.
        first_steps: the same of the first steps, each shared by the runs that differ in their budget.
        members: keys of each experiment's runs, in its order.
        suites: after the last step, by key: those that any experiment names for the run, sorted, so that its scores do
            not depend on which experiment was asked for.
        datasets: settings by name.
        aligners: settings by name.
        studies: settings by name.
        study_members: name and seed of each experiment's studies.
        aligned: runs of each experiment that are judged through an aligner, with its name.
        claims: of the papers.
        published: by table, the values of papers that are set beside ours.
    """

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
    claims: tuple[ClaimsSettings, ...] = ()
    published: Mapping[str, Any] = field(default_factory=dict)

    def key(self, names: Mapping[str, str]) -> RunKey:
        """Key of the run that the path components ``names`` stand for."""
        return RunKey(**{name: names[name] for name in RunKey.model_fields})

    def run(self, names: Mapping[str, str]) -> RunConfig:
        """Settings of the run, or of the first step, that the path components ``names`` stand for."""
        key = self.key(names)
        return self.runs[key] if key in self.runs else self.first_steps[key]

    def modules(self, stage: str, names: Mapping[str, str]) -> tuple[str, ...]:
        """Modules that the job of ``stage`` with the path components ``names`` runs."""
        if stage == "study":
            return study_modules(self.studies[names["study"]].kind)
        if stage in ("align", "predict_aligned"):
            return aligner_modules(stage, self.runs[self.key(names)], self.aligners[names["aligner"]].kind)
        if stage in ("resolve", "score", "score_aligned"):
            return settings_modules(stage, self.run(names))
        if "method" in names:
            return run_modules(stage, self.run(names))
        if "dataset" in names:
            return data_modules(stage, self.datasets[names["dataset"]])
        if stage in names:
            artifact = self.artifact(stage, names[stage])[1]
            return artifact_modules(stage, "tables" if stage == "table" else artifact.folder, artifact.kind)
        if stage == "report":
            return report_modules(table.kind for value in self.experiments.values() for table in value.tables)
        return track_modules() if stage == "track" else (stage_module(stage),)

    def settings(self, stage: str, names: Mapping[str, str]) -> str:
        """Digest of the settings the job works by; comments and layout of their files do not count."""
        chosen: Settings
        if stage == "study":
            chosen = self.studies[names["study"]]
        elif "aligner" in names:
            chosen = self.aligners[names["aligner"]]
        elif "method" in names:
            chosen = self.run(names)
        elif "dataset" in names:
            chosen = self.datasets[names["dataset"]]
        else:
            chosen = self.artifact(stage, names[stage])[1]
        values = chosen.model_dump(mode="json")
        if stage == "table" and names["table"] in self.published:
            values |= {"published": self.published[names["table"]]}
        return sha256_json(values)

    def resources(self, **base: int) -> dict[str, Callable[..., int]]:
        """Functions of wildcards and attempt, as Snakemake takes resources, that scale ``base`` for a job.

        A job gets as many times the base as its images have pixels, in units of 128 x 128, and as it was attempted:
        one that ran out of memory or time gets more of both when it is repeated.
        """
        return {name: self._scaled(amount) for name, amount in base.items()}

    def _scaled(self, base: int) -> Callable[..., int]:
        def amount(wildcards: Mapping[str, str], attempt: int) -> int:
            dataset = self.datasets.get(wildcards.get("dataset", ""))
            return base * attempt * (1 if dataset is None else -(-math.prod(dataset.image_size) // _SMALL_IMAGE))

        return amount

    def study_resources(self) -> dict[str, Callable[..., int]]:
        """The same for a study, which says itself what it needs."""

        def mem_mb(wildcards: Mapping[str, str], attempt: int) -> int:
            return attempt * self.studies[wildcards.get("study", "")].mem_mb

        def runtime(wildcards: Mapping[str, str], attempt: int) -> int:
            return attempt * self.studies[wildcards.get("study", "")].minutes

        return {"mem_mb": mem_mb, "runtime": runtime}

    def predictions(self, key: RunKey) -> tuple[str, ...]:
        """Prediction files that a run is scored from."""
        names = [(k, suite) for k in range(len(self.runs[key].steps)) for suite in self.step_suites(key, k)]
        return tuple(f"results/runs/{key.path}/step{k}/predictions-{suite}.parquet" for k, suite in names)

    def figure_inputs(self, wildcards: Mapping[str, str]) -> dict[str, str | list[str]]:
        """Inputs of a figure: the scores of its experiment, or data and last predictions of the run that it shows."""
        experiment, figure = self.artifact("figure", wildcards["figure"])
        if figure.run is None:
            return {"scores": f"results/experiments/{experiment}.csv"}
        last = f"/step{len(self.runs[figure.run].steps) - 1}/"
        predictions = [path for path in self.predictions(figure.run) if last in path]
        return {"data": f"data/prepared/{figure.run.dataset}/dataset.json", "predictions": predictions}

    def score_files(self, experiment: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Scores of an experiment, those through aligners last, and the resolved settings that go with each."""
        plain = [(f"results/runs/{key.path}", "") for key in self.members[experiment]]
        pairs = [*plain, *((f"results/runs/{key.path}", f"{name}/") for key, name in self.aligned[experiment])]
        return tuple(f"{run}/{part}scores.csv" for run, part in pairs), tuple(f"{run}/run.json" for run, _ in pairs)

    def study_scores(self, experiment: str) -> tuple[str, ...]:
        """Scores of an experiment's studies."""
        return tuple(f"results/studies/{name}/seed{seed}/scores.csv" for name, seed in self.study_members[experiment])

    def raw_inputs(self, name: str) -> list[str]:
        """What the preparation of a dataset waits for: the record of the rendering, or folders with one's own files."""
        dataset = self.datasets[name]
        if dataset.generator:
            return [f"{dataset.root}/generate.record.json"]
        # The readers, which know the files of their layouts, import torch; plans of rendered data do without.
        from meshcil.stages.prepare import raw_files

        textures = [dataset.texture_root] if dataset.texture_root else []
        return list(dict.fromkeys([*dataset.roots(), *textures, *last_changed(raw_files(dataset))]))

    def study_inputs(self, name: str) -> dict[str, list[str] | str]:
        """Files of a real dataset that a study reads, or the record of the one that is rendered for it."""
        settings = self.studies[name]
        files = settings.input_files()
        paths = [*(path.as_posix() for path in files), *last_changed(files)]
        inputs: dict[str, list[str] | str] = {"files": list(dict.fromkeys(paths))}
        if settings.rendered():
            inputs["data"] = f"data/raw/{settings.rendered()}/generate.record.json"
        return inputs

    def _aligned_records(self, key: RunKey, aligner: str) -> list[str]:
        run, stages = f"results/runs/{key.path}", ("align", "predict_aligned")
        steps = [f"{run}/step{k}/{aligner}" for k in range(1, len(self.runs[key].steps))]
        paths = [f"{step}/{stage}-{aligner}.record.json" for step in steps for stage in stages]
        return [*paths, f"{run}/{aligner}/score_aligned-{aligner}.record.json"]

    def records(self, experiment: str) -> tuple[str, ...]:
        """Records of all jobs behind the report of an experiment, in the order of the pipeline."""
        keys = self.members[experiment]
        raw = [f"{d.root}/generate.record.json" for d in (self.datasets[k.dataset] for k in keys) if d.generator]
        named = dict.fromkeys(self.studies[name].rendered() for name, _ in self.study_members[experiment])
        raw += [f"data/raw/{name}/generate.record.json" for name in named if name]
        prepared = [f"data/prepared/{key.dataset}/prepare.record.json" for key in keys]
        jobs = [path for key in keys for path in self._run_records(key)]
        jobs += [path for key, aligner in self.aligned[experiment] for path in self._aligned_records(key, aligner)]
        jobs += [
            f"results/studies/{name}/seed{seed}/study.record.json" for name, seed in self.study_members[experiment]
        ]
        collected = f"results/experiments/collect-{experiment}.record.json"
        settings = self.experiments[experiment]
        sheets = [f"reports/figures/contact_sheet-{key.dataset}.record.json" for key in keys]
        tables = [f"reports/tables/table-{artifact.name}.record.json" for artifact in settings.tables]
        figures = [f"reports/figures/figure-{artifact.name}.record.json" for artifact in settings.figures]
        # A dataset or first step that several runs share is listed once.
        return tuple(dict.fromkeys([*raw, *prepared, *jobs, collected, *sheets, *tables, *figures]))

    def artifact_files(self, experiment: str) -> tuple[str, ...]:
        """Contact sheets, tables and figures of an experiment."""
        settings = self.experiments[experiment]
        sheets = [f"reports/figures/contact-sheet-{key.dataset}.svg" for key in self.members[experiment]]
        tables = [f"reports/tables/{a.name}.{kind}" for a in settings.tables for kind in ("csv", "tex")]
        figures = [f"reports/figures/{a.name}.{kind}" for a in settings.figures for kind in ("svg", "pdf")]
        return tuple(dict.fromkeys([*sheets, *tables, *figures]))

    def _run_records(self, key: RunKey) -> list[str]:
        folder, first = (f"results/runs/{k.path}" for k in (key, key.trained_as(0)))
        steps = [f"{first}/resolve"]
        for step in range(len(self.runs[key].steps)):
            steps += [f"results/runs/{key.trained_in(step)}/train", f"{folder}/step{step}/select"]
        predicted = [p.replace("predictions-", "predict-").removesuffix(".parquet") for p in self.predictions(key)]
        return [f"{stage}.record.json" for stage in (f"{folder}/resolve", *steps, *predicted, f"{folder}/score")]

    @property
    def experiments_digest(self) -> str:
        """Digest of the settings of all chosen experiments."""
        return sha256_json({name: settings.model_dump(mode="json") for name, settings in self.experiments.items()})

    @property
    def claims_digest(self) -> str:
        """Digest of all claims."""
        return sha256_json([block.model_dump(mode="json") for block in self.claims])

    def artifact(self, stage: str, name: str) -> tuple[str, Artifact]:
        """Experiment and settings of the table or figure ``name``; ``stage`` is `table` or `figure`."""
        return self.artifacts(f"{stage}s")[name]

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

    def artifacts(self, kind: str) -> dict[str, tuple[str, Artifact]]:
        """Artifacts of a kind (`tables` or `figures`): name -> experiment and settings."""
        found = {name: getattr(settings, kind) for name, settings in self.experiments.items()}
        return {a.name: (experiment, a) for experiment, artifacts in found.items() for a in artifacts}


def last_changed(paths: Iterable[Path]) -> list[str]:
    """Of the files and folders at and below ``paths``, the one that was changed last; none where there is nothing.

    Snakemake looks at the time of a folder alone, which tells neither of edited files nor of what lies deeper.
    """
    # Snakemake would take braces in a name for a wildcard.
    times = [(time, path) for time, path in _times(paths) if not {"{", "}"} & set(path)]
    return [max(times)[1]] if times else []


def _times(paths: Iterable[Path]) -> Iterator[tuple[int, str]]:
    waiting = list(paths)
    while waiting:
        place = waiting.pop()
        # What is missing or cannot be read is for the job to say.
        with suppress(OSError):
            yield place.stat().st_mtime_ns, place.as_posix()
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file():
                        yield entry.stat().st_mtime_ns, entry.path


def load_plan(names: Iterable[str], config: Path) -> Plan:
    """Read the experiments ``names`` from the folder ``config`` and resolve all their runs.

    Raises:
        InputError: naming the file and what is wrong, before anything has been written.
    """
    experiments = {name: load_experiment(name, config) for name in names}
    asked = {name: run_keys(settings) for name, settings in experiments.items()}
    members = {name: tuple(keys) for name, keys in asked.items()}
    runs = {key: resolve_run(key, config) for keys in members.values() for key in keys}
    for keys in asked.values():
        for key, names in keys.items():
            for name in names:
                runs[key].test_sets(name)
    suites = _suites(runs, asked, config)
    study_members = {name: study_jobs(settings) for name, settings in experiments.items()}
    chosen = dict.fromkeys(study for jobs in study_members.values() for study, _ in jobs)
    studies = {name: load_study(config / "studies" / f"{name}.yaml") for name in chosen}
    datasets = {key.dataset: load_dataset(key.dataset, config) for key in runs}
    for study in studies.values():
        check_study(study)
        if study.rendered():
            datasets[study.rendered()] = load_dataset(study.rendered(), config)
    for name, dataset in datasets.items():
        check_raw_files(name, dataset, config)
    for name, method in {key.method: run.method for key, run in runs.items()}.items():
        check_weights(name, method, config)
    check_bytes([run for key, run in runs.items() if parse_budget(key.budget).in_bytes])
    aligned = {name: _aligned(settings, runs) for name, settings in experiments.items()}
    for name, pairs in aligned.items():
        for key, _ in pairs:
            check_aligner(key, runs[key].method, config / "experiments" / f"{name}.yaml")
    chosen = dict.fromkeys(aligner for pairs in aligned.values() for _, aligner in pairs)
    aligners = {name: load_aligner(config / "aligners" / f"{name}.yaml") for name in chosen}
    plan = Plan(
        experiments,
        runs,
        {(first := key.trained_as(0)): run.model_copy(update={"key": first}) for key, run in runs.items()},
        members,
        suites,
        datasets,
        aligners,
        aligned,
        studies,
        study_members,
        tuple(load_claims(config)),
        _published(experiments.values(), config),
    )
    check_artifacts(experiments, members, config)
    return plan


def _published(experiments: Iterable[ExperimentSettings], config: Path) -> dict[str, Any]:
    paths = {table.name: config / "published" / f"{table.name}.yaml" for e in experiments for table in e.tables}
    return {name: read_yaml(path) for name, path in paths.items() if path.is_file()}


def _aligned(experiment: ExperimentSettings, runs: Mapping[RunKey, RunConfig]) -> tuple[tuple[RunKey, str], ...]:
    """Runs with aligners; a run of a single step has no earlier latents to align to."""
    found = run_aligners(experiment)
    return tuple((key, name) for key, names in found.items() if len(runs[key].steps) > 1 for name in names)


def _suites(
    runs: Mapping[RunKey, RunConfig], asked: Mapping[str, Mapping[RunKey, tuple[str, ...]]], config: Path
) -> dict[RunKey, tuple[str, ...]]:
    """Suites of each run: those that the experiments which were asked for name, and those that any other one names."""
    everywhere = dict(asked)
    for name in experiment_names(config):
        if name not in everywhere:
            # Another experiment may be wrong: that is for the one to know who asks for it.
            with suppress(InputError):
                everywhere[name] = run_keys(load_experiment(name, config))
    found: dict[RunKey, set[str]] = {key: set() for key in runs}
    for keys in everywhere.values():
        for key in keys.keys() & runs.keys():
            found[key] |= set(keys[key]) & runs[key].dataset.suites.keys()
    return {key: tuple(sorted(names)) for key, names in found.items()}
