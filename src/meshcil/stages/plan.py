"""What the chosen experiments ask for: every run resolved and validated before any job starts."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from meshcil.config.aligners.base import load_aligner
from meshcil.config.base import read_yaml
from meshcil.config.claims import kept_claim_files, load_claims
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import (
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
from meshcil.lineage.paths import KEPT
from meshcil.lineage.plan import Names, Plan
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


def resources(plan: Plan, **base: int) -> dict[str, Callable[..., int]]:
    """Functions of wildcards and attempt, as Snakemake takes resources, that scale ``base`` for a job.

    A job gets as many times the base as its images have pixels, in units of 128 x 128, and as it was attempted:
    one that ran out of memory or time gets more of both when it is repeated.
    """
    return {name: _scaled(plan, amount) for name, amount in base.items()}


def _scaled(plan: Plan, base: int) -> Callable[..., int]:
    def amount(wildcards: Names, attempt: int) -> int:
        dataset = plan.datasets.get(wildcards.get("dataset", ""))
        return base * attempt * (1 if dataset is None else -(-math.prod(dataset.image_size) // _SMALL_IMAGE))

    return amount


def study_resources(plan: Plan) -> dict[str, Callable[..., int]]:
    """The same for a study, which says itself what it needs."""

    def mem_mb(wildcards: Names, attempt: int) -> int:
        return attempt * plan.study(wildcards).mem_mb

    def runtime(wildcards: Names, attempt: int) -> int:
        return attempt * plan.study(wildcards).minutes

    return {"mem_mb": mem_mb, "runtime": runtime}


def own_files(dataset: DatasetSettings) -> tuple[str, ...]:
    """What the preparation of one's own data waits for: its folders, and in them what was changed last."""
    # The readers, which know the files of their layouts, import torch; plans of rendered data do without.
    from meshcil.stages.prepare import raw_files

    textures = [dataset.texture_root] if dataset.texture_root else []
    return tuple(dict.fromkeys([*dataset.roots(), *textures, *last_changed(raw_files(dataset))]))


def study_files(study: StudySettings) -> tuple[str, ...]:
    """Files that a study waits for, and the one of them that was changed last."""
    files = study.input_files()
    return tuple(dict.fromkeys([*(path.as_posix() for path in files), *last_changed(files)]))


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

    Raises InputError naming the file and what is wrong, before anything has been written.
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
    datasets = _datasets(runs, studies.values(), config)
    for name, method in {key.method: run.method for key, run in runs.items()}.items():
        check_weights(name, method, config)
    check_bytes([run for run in runs.values() if run.budget.in_bytes])
    aligned = {name: _aligned(settings, runs) for name, settings in experiments.items()}
    for name, pairs in aligned.items():
        for key, _ in pairs:
            check_aligner(key, runs[key].method, config / "experiments" / f"{name}.yaml")
    chosen = dict.fromkeys(aligner for pairs in aligned.values() for _, aligner in pairs)
    aligners = {name: load_aligner(config / "aligners" / f"{name}.yaml") for name in chosen}
    plan = Plan(
        config,
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
        tuple(map(str, kept_claim_files(config.parent / KEPT, list(experiments)))),
        own_files,
        study_files,
    )
    check_artifacts(experiments, members, config)
    return plan


def _datasets(runs: Iterable[RunKey], studies: Iterable[StudySettings], config: Path) -> dict[str, DatasetSettings]:
    """Datasets of runs, and those that studies render, whose raw files are there."""
    datasets = {key.dataset: load_dataset(key.dataset, config) for key in runs}
    for study in studies:
        check_study(study)
        if study.rendered():
            datasets[study.rendered()] = load_dataset(study.rendered(), config)
    for name, dataset in datasets.items():
        check_raw_files(name, dataset, config)
    return datasets


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
