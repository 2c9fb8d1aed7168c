"""The plan as judge of an audit: which jobs, inputs, settings, modules and commands the records may claim.

A record says what a job did. Whether that is what the configuration asks for is decided here, from `config/` alone:
records that leave a seed out, name other inputs, or were made by another command are consistent and still wrong.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from meshcil.cli.answers import ANSWERS, OTHERS, contradictions
from meshcil.config.experiment import experiment_names, load_experiment, run_keys, study_jobs
from meshcil.config.run import RunKey
from meshcil.core.code_digest import module_digests, repository_root
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage import paths
from meshcil.lineage.files import is_configuration, place_of
from meshcil.lineage.jobs import Job, listed
from meshcil.lineage.plan import Plan
from meshcil.lineage.reading import flat
from meshcil.lineage.schema import SUFFIX, FileFacts, Record
from meshcil.lineage.stages import planned_jobs, writer
from meshcil.stages.plan import load_plan

_CONFIG = re.compile(r"^(?:.*/)?config(?=/|$)")
"""The folder with the configuration, wherever a job was started from."""
_SHOWN = 5
"""Names that a finding lists; the others it counts."""
_FREE = ("--threads", "--workers")
"""Options that the machine decides."""
_ANGLES = ("true_azimuth", "true_elevation", "true_theta")
_TRUTH = {"id": "sample_id", "class_name": "true_class"} | {name.removeprefix("true_"): name for name in _ANGLES}
"""Columns of a prepared split, and what predictions call them."""


def plan_of(experiments: Iterable[str]) -> Plan:
    """The plan of some experiments, from the configuration of the checkout.

    Raises:
        InputError: when the configuration cannot be used.
    """
    return load_plan(experiments, Path(os.path.relpath(repository_root() / "config")))


def check_plan(plan: Plan, records: Mapping[Path, Record], damaged: Iterable[str]) -> list[str]:
    """Compare the records with the jobs that the plan asks for: no more, no fewer, no others."""
    jobs = planned_jobs(plan)
    named = {finding.partition(": ")[0] for finding in damaged}
    missing = [path for path in jobs if path not in records and path.as_posix() not in named]
    experiments = ", ".join(plan.experiments)
    findings = [f"{path}: is missing, although {experiments} has this job" for path in missing]
    made = _Made(jobs, records)
    for path, job in jobs.items():
        if path in records:
            findings += _settings(path, job, records[path])
            findings += [f"{path}: {difference}" for difference in _differences(job, records[path], made)]
    return findings


class _Made:
    """Which planned job wrote a file."""

    def __init__(self, jobs: Iterable[Path], records: Mapping[Path, Record]) -> None:
        self._writers = {Path(e.path): p for p in jobs if p in records for e in records[p].outputs if e.base == "work"}

    def by(self, path: str) -> Path | None:
        """Record of the job that wrote a file, or files of a folder; a record is its own; None for other files."""
        if path.endswith(SUFFIX):
            return Path(path)
        above = (self._writers[p] for p in (Path(path), *Path(path).parents) if p in self._writers)
        return next(above, None) or next((w for p, w in self._writers.items() if p.is_relative_to(path)), None)


def _settings(path: Path, job: Job, record: Record) -> list[str]:
    """The first setting that differs; named after the configuration files that changed, if any."""
    before, now = dict(flat(record.settings.values)), dict(flat(job.settings))
    for name in [*before, *(name for name in now if name not in before)]:
        if before.get(name) != now.get(name):
            files = [e for e in record.inputs if is_configuration(e) and e.kind == "file"]
            changed = [e.path for e in files if not place_of(e).is_file() or sha256_file(place_of(e)) != e.sha256]
            what = f"(`{name}` was {before.get(name)!r}, is {now.get(name)!r})"
            if changed:
                return [f"{', '.join(changed)}: has changed {what} since {path} was written"]
            return [f"{path}: works by other settings than the configuration gives {what}"]
    return []


def _differences(job: Job, record: Record, made: _Made) -> Iterator[str]:
    if record.stage != job.stage.name:
        yield f"is of stage {record.stage}, not {job.stage.name}"
    for name, value in job.names.items():
        if str(record.key.get(name, value)) != value:
            yield f"says {name} {record.key[name]}, the plan {value}"
    if _words(record.argv) != _words(job.command):
        yield f"was not made by the command of the plan (`{job.shell}`)"
    if record.code.outside:
        yield f"ran modules that its digest lacks: {', '.join(record.code.outside)}"
    if others := record.code.modules.keys() ^ module_digests(*job.modules).keys():
        yield f"ran other modules than the plan's job does: {_few(others)}"
    yield from _files(job, record, made)


def _few(names: Iterable[str]) -> str:
    first = sorted(names)
    return ", ".join(first[:_SHOWN]) + (f" and {len(first) - _SHOWN} more" if len(first) > _SHOWN else "")


def _words(command: Iterable[str]) -> list[str]:
    """Stage and arguments of a command, without what the machine decides; wherever the configuration lies."""
    words = list(command)
    while words and not words[0].startswith("meshcil.stages."):
        words.pop(0)
    kept = [word for i, word in enumerate(words) if word not in _FREE and (i == 0 or words[i - 1] not in _FREE)]
    return [_CONFIG.sub("config", word) for word in kept]


def _files(job: Job, record: Record, made: _Made) -> Iterator[str]:
    planned = [_recorded(path) for path in listed(job.inputs)]
    makers = {maker for path in planned if (maker := made.by(path))}
    read = {entry.path for entry in record.inputs}
    parents = {Path(parent.path) for parent in record.parents}
    for path in planned:
        below = any(Path(path).is_relative_to(folder) for folder in read)
        if not below and made.by(path) not in parents:
            yield f"does not rest on {path}, as the plan's job does"
    for entry in record.inputs:
        if not is_configuration(entry) and not _expected(entry, planned, makers, made):
            yield f"was made from {entry.path}, which the plan's job does not read"
    used = {maker for entry in record.inputs if entry.base == "work" and (maker := made.by(entry.path))}
    if used != parents:
        yield f"names other parents than its inputs have: {', '.join(sorted(map(str, used ^ parents)))}"
    written = {entry.path for entry in record.outputs}
    for path in listed({name: files for name, files in job.outputs.items() if name not in ("record", "anchor")}):
        if path not in written:
            yield f"does not name {path}, which its job writes"
    folder = job.record.parent
    for path in sorted(written):
        if not Path(path).is_relative_to(folder):
            yield f"names {path}, which its job does not write"


def _recorded(path: str) -> str:
    """A path of the plan as records have it: of files of the checkout, relative to that."""
    if not path.startswith(".."):
        return path
    place = Path(os.path.normpath(Path.cwd() / path))
    root = repository_root()
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else place.as_posix()


def _expected(entry: FileFacts, planned: list[str], makers: set[Path], made: _Made) -> bool:
    """Whether a job may have read a file: the plan names it, or a job whose files the plan names wrote it."""
    if entry.base == "packages" or (entry.base != "absolute" and entry.path.startswith("src/")):
        return True
    return any(Path(entry.path).is_relative_to(path) for path in planned) or made.by(entry.path) in makers


def check_surplus(plan: Plan, records: Iterable[Path]) -> list[str]:
    """Records that belong to no experiment of the configuration, such as seeds that were run and left out."""
    jobs = planned_jobs(plan)
    others = [path for path in records if path not in jobs]
    if not others:
        return []
    known = _Configured(plan.config)
    stray = [path for path in others if not known.has(path)]
    return [
        f"{path}: belongs to no experiment in {plan.config}; delete it, or restore what asked for it" for path in stray
    ]


class _Configured:
    """The names that any experiment of a configuration uses."""

    def __init__(self, config: Path) -> None:
        self.names: dict[str, set[str]] = {"dataset": {p.stem for p in (config / "datasets").glob("*.yaml")}}
        self.names["experiment"] = set(experiment_names(config))
        self.names |= {"table": {"claims"}, "figure": set()}
        self.runs: set[str] = set()
        self.studies: set[tuple[str, str]] = set()
        for name in self.names["experiment"]:
            try:
                settings = load_experiment(name, config)
            except InputError:
                continue
            keys = run_keys(settings)
            self.runs |= {path for key in keys for path in (key.path, key.trained_as(0).path)}
            self.studies |= {(study, str(seed)) for study, seed in study_jobs(settings)}
            self.names["table"] |= {table.name for table in settings.tables}
            self.names["figure"] |= {figure.name for figure in settings.figures}

    def has(self, record: Path) -> bool:
        """Whether a record is of a job that some experiment asks for."""
        found = writer(record)
        if found is None:
            return False
        names = found[1]
        if "method" in names:
            return RunKey(**{name: names[name] for name in RunKey.model_fields}).path in self.runs
        if "study" in names:
            return (names["study"], names["seed"]) in self.studies
        return all(names[name] in known for name, known in self.names.items() if name in names)


def check_links() -> tuple[list[str], list[str]]:
    """Links below the folders that the pipeline writes: what lies behind them is not under the folder's control.

    Returns:
        Findings; and notes on the folders themselves, which may lie on another disk.
    """
    findings, notes = [], []
    for root in map(Path, ("results", "reports", "data/prepared")):
        if root.is_symlink():
            notes.append(f"{root}: is a link to {root.resolve()}")
        for folder, folders, files in os.walk(root):
            links = [Path(folder, name) for name in (*folders, *files) if Path(folder, name).is_symlink()]
            findings += [f"{path}: is a link; put what it leads to in its place" for path in sorted(links)]
    return findings, notes


def check_truth(plan: Plan, records: Mapping[Path, Record]) -> list[str]:
    """Predictions must be about the test images of the prepared data: all of them, with their classes and poses.

    Nor may answers contradict each other (`meshcil.cli.answers`).
    """
    findings: list[str] = []
    prepared: dict[Path, pd.DataFrame] = {}
    for path, job in planned_jobs(plan).items():
        if path not in records or not job.stage.name.startswith("predict"):
            continue
        run, step = plan.run(job.names), int(job.names["step"])
        for file in listed({"predictions": job.outputs["predictions"]}):
            try:
                found = _columns(Path(file), {name: name for name in ("test_set", *_TRUTH.values(), *ANSWERS)})
                findings += [f"{file}: {what}" for what in contradictions(found, run, step)]
                if others := set(pq.read_schema(file).names) - {*found, *OTHERS}:
                    findings.append(f"{file}: has columns that no prediction has: {_few(others)}")
                asked = set(run.dataset.suites[job.names["suite"]]) if "suite" in job.names else set()
                if lost := asked - set(found["test_set"]):
                    findings.append(f"{file}: lacks the test sets {_few(lost)}")
                for name, rows in found.groupby("test_set", sort=False):
                    split = Path(paths.PREPARED.format(**job.names), f"{str(name).partition(':')[0]}.parquet")
                    if split not in prepared:
                        prepared[split] = _columns(split, _TRUTH)
                    truth = prepared[split]
                    groups = [truth[truth["true_class"].isin(classes)] for classes in run.groups(str(name), step)]
                    parts = [part.iloc[run.asked(part["true_class"])] for part in groups]
                    expected = pd.concat(parts, ignore_index=True)
                    if not rows[list(_TRUTH.values())].reset_index(drop=True).equals(expected):
                        findings.append(f"{file}: its images, classes or poses under {name} are not those of {split}")
            except (OSError, ValueError, KeyError, TypeError) as error:
                findings.append(f"{file}: cannot be compared with the test images ({' '.join(str(error).split())})")
    return findings


def _columns(path: Path, names: Mapping[str, str]) -> pd.DataFrame:
    # Next to torch, Arrow's own threads can deadlock.
    table = pq.ParquetFile(path).read(columns=list(names), use_threads=False)
    frame = table.to_pandas(use_threads=False).rename(columns=dict(names))[list(names.values())]
    # Poses are read into single precision.
    return frame.astype({name: "float32" for name in frame if name in _ANGLES})
