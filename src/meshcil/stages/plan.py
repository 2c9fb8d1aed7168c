"""What the chosen experiments ask for: every run resolved and validated before any job starts."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshcil.config.aligners.base import AlignerSettings, load_aligner
from meshcil.config.base import Settings, read_yaml
from meshcil.config.claims import ClaimsSettings, load_claims
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import Artifact, ExperimentSettings, load_experiment, run_aligners, run_keys, study_jobs
from meshcil.config.methods.base import MethodSettings
from meshcil.config.run import RunConfig, RunKey, load_dataset
from meshcil.config.studies.base import StudySettings, load_study
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_json
from meshcil.core.naming import available, load_module
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
from meshcil.stages.resolve import resolve_run

_SMALL_IMAGE = 128 * 128
"""Pixels of an image for which the base resources of a job were chosen."""


@dataclass(frozen=True)
class Plan:
    """Experiments and the runs they share.

    Attributes:
        experiments: settings by name.
        runs: resolved settings by key.
        members: keys of each experiment's runs, in its order.
        suites: test sets after the last step, by key.
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
    members: dict[str, tuple[RunKey, ...]]
    suites: dict[RunKey, str]
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

    def modules(self, stage: str, names: Mapping[str, str]) -> tuple[str, ...]:
        """Modules that the job of ``stage`` with the path components ``names`` runs."""
        if stage == "study":
            return study_modules(self.studies[names["study"]].kind)
        if stage in ("align", "predict_aligned"):
            return aligner_modules(stage, self.runs[self.key(names)], self.aligners[names["aligner"]].kind)
        if stage in ("resolve", "score", "score_aligned"):
            return settings_modules(stage, self.runs[self.key(names)])
        if "method" in names:
            return run_modules(stage, self.runs[self.key(names)])
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
            chosen = self.runs[self.key(names)]
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

    def study_inputs(self, name: str) -> dict[str, list[str] | str]:
        """Files of a real dataset that a study reads, or the record of the one that is rendered for it."""
        settings = self.studies[name]
        inputs: dict[str, list[str] | str] = {"files": [path.as_posix() for path in settings.input_files()]}
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
        # A dataset that several runs share is listed once.
        return tuple(dict.fromkeys([*raw, *prepared, *jobs, collected, *sheets, *tables, *figures]))

    def artifact_files(self, experiment: str) -> tuple[str, ...]:
        """Contact sheets, tables and figures of an experiment."""
        settings = self.experiments[experiment]
        sheets = [f"reports/figures/contact-sheet-{key.dataset}.svg" for key in self.members[experiment]]
        tables = [f"reports/tables/{a.name}.{kind}" for a in settings.tables for kind in ("csv", "tex")]
        figures = [f"reports/figures/{a.name}.{kind}" for a in settings.figures for kind in ("svg", "pdf")]
        return tuple(dict.fromkeys([*sheets, *tables, *figures]))

    def _run_records(self, key: RunKey) -> list[str]:
        folder = f"results/runs/{key.path}"
        steps = [f"{folder}/step{k}/{stage}" for k in range(len(self.runs[key].steps)) for stage in ("train", "select")]
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
        """Suites predicted after ``step``: `clean`, and after the last step the run's suite.

        A suite that contains the clean test sets replaces `clean`, so that no image is predicted twice.
        """
        run, suite = self.runs[key], self.suites[key]
        if step < len(run.steps) - 1 or suite == "clean":
            return ("clean",)
        sets = run.dataset.suites
        return (suite,) if set(sets["clean"]) <= set(sets[suite]) else ("clean", suite)

    def artifacts(self, kind: str) -> dict[str, tuple[str, Artifact]]:
        """Artifacts of a kind (`tables` or `figures`): name -> experiment and settings."""
        found = {name: getattr(settings, kind) for name, settings in self.experiments.items()}
        return {a.name: (experiment, a) for experiment, artifacts in found.items() for a in artifacts}


def load_plan(names: Iterable[str], config: Path) -> Plan:
    """Read the experiments ``names`` from the folder ``config`` and resolve all their runs.

    Raises:
        InputError: naming the file and what is wrong, before anything has been written.
    """
    experiments = {name: load_experiment(name, config) for name in names}
    suites: dict[RunKey, str] = {}
    members: dict[str, tuple[RunKey, ...]] = {}
    for name, settings in experiments.items():
        keys = run_keys(settings)
        members[name] = tuple(keys)
        suites |= {key: suite for key, suite in keys.items() if suites.get(key, "clean") == "clean"}
    runs = {key: resolve_run(key, config) for key in suites}
    for key, suite in suites.items():
        _check_suite(key, suite, runs[key].dataset)
    study_members = {name: study_jobs(settings) for name, settings in experiments.items()}
    chosen = dict.fromkeys(study for jobs in study_members.values() for study, _ in jobs)
    studies = {name: load_study(config / "studies" / f"{name}.yaml") for name in chosen}
    datasets = {key.dataset: load_dataset(key.dataset, config) for key in suites}
    for study in studies.values():
        _check_study(study)
        if study.rendered():
            datasets[study.rendered()] = load_dataset(study.rendered(), config)
    for name, dataset in datasets.items():
        _check_raw_files(name, dataset, config)
    for name, method in {key.method: run.method for key, run in runs.items()}.items():
        _check_weights(name, method, config)
    _check_bytes([run for key, run in runs.items() if parse_budget(key.budget).in_bytes])
    aligned = {name: _aligned(settings, runs) for name, settings in experiments.items()}
    chosen = dict.fromkeys(aligner for pairs in aligned.values() for _, aligner in pairs)
    aligners = {name: load_aligner(config / "aligners" / f"{name}.yaml") for name in chosen}
    plan = Plan(
        experiments,
        runs,
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
    _check_artifacts(plan, config)
    return plan


def _published(experiments: Iterable[ExperimentSettings], config: Path) -> dict[str, Any]:
    paths = {table.name: config / "published" / f"{table.name}.yaml" for e in experiments for table in e.tables}
    return {name: read_yaml(path) for name, path in paths.items() if path.is_file()}


def _aligned(experiment: ExperimentSettings, runs: Mapping[RunKey, RunConfig]) -> tuple[tuple[RunKey, str], ...]:
    """Runs with aligners; a run of a single step has no earlier latents to align to."""
    found = run_aligners(experiment)
    return tuple((key, name) for key, names in found.items() if len(runs[key].steps) > 1 for name in names)


def _check_study(study: StudySettings) -> None:
    for path in study.input_files():
        if not path.exists():
            raise InputError(path, "does not exist", f"Put the files of {study.label} there; nothing is downloaded")


def _check_bytes(runs: Sequence[RunConfig]) -> None:
    if runs:
        # Counting a model's bytes needs torch, which other plans do without.
        planning = load_module("meshcil.training", "planning")
        for run in runs:
            planning.check_bytes(run, Path("data/prepared") / run.key.dataset)


def _check_suite(key: RunKey, suite: str, dataset: DatasetSettings) -> None:
    if suite not in dataset.suites:
        known = ", ".join(sorted(dataset.suites))
        raise InputError(f"suite {suite!r}", f"is not a suite of dataset {key.dataset}", f"Known: {known}")


def _check_raw_files(name: str, dataset: DatasetSettings, config: Path) -> None:
    where = config / "datasets" / f"{name}.yaml"
    if dataset.generator is not None and dataset.root != f"data/raw/{name}":
        raise InputError(where, f"`root` is {dataset.root}", f"Generated files belong in data/raw/{name}")
    for root in () if dataset.generator else dataset.roots():
        if not Path(root).is_dir():
            remedy = dataset.obtain or "Put the raw files there or correct `root`"
            raise InputError(where, f"`root` {root} is not a folder", remedy)
    known = available("meshcil.datasets")
    unknown = [layout for layout in dataset.layouts() if layout not in known]
    if unknown:
        raise InputError(where, f"layout `{unknown[0]}` is unknown", "docs/data-formats.md lists the layouts")


def _check_weights(name: str, method: MethodSettings, config: Path) -> None:
    weights = method.backbone.weights
    if weights is not None and not Path(weights).is_file():
        remedy = "Put the weights there (the file's comments say which), or correct the path; nothing is downloaded"
        raise InputError(config / "methods" / f"{name}.yaml", f"`weights` {weights} is not a file", remedy)


def _check_artifacts(plan: Plan, config: Path) -> None:
    for kind in ("tables", "figures"):
        seen: dict[str, str] = {}
        for experiment, settings in plan.experiments.items():
            where = config / "experiments" / f"{experiment}.yaml"
            for artifact in getattr(settings, kind):
                folder = artifact.folder if kind == "figures" else kind
                known = available(f"meshcil.reporting.{folder}")
                if artifact.kind not in known:
                    raise InputError(where, f"kind `{artifact.kind}` is unknown", f"Known {folder}: {', '.join(known)}")
                if kind == "tables" and artifact.name == "claims":
                    raise InputError(where, "table `claims` has the name of the table of verdicts", "Rename it")
                if artifact.run is not None and artifact.run not in plan.members[experiment]:
                    cause = f"figure `{artifact.name}` shows {artifact.run.path}, which is no run of this experiment"
                    raise InputError(where, cause, "Name one of its runs")
                if artifact.name in seen:
                    other = seen[artifact.name]
                    raise InputError(where, f"{kind} `{artifact.name}` is also in {other}", "Rename one of the two")
                seen[artifact.name] = experiment
