"""From a job's record and the files it names to what is logged of it."""

import csv
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from meshcil.config.budget import parse_budget
from meshcil.config.run import ANY_BUDGET
from meshcil.core.hashing import sha256_json
from meshcil.lineage.reading import flat
from meshcil.lineage.schema import Record
from meshcil.tracking.base import DataVersion, Job, Measurement, Model

_RUN_KEY = ("dataset", "protocol", "method", "budget", "seed")
_ALLOWED = {
    ANY_BUDGET: "first step",
    "none": "no exemplars",
    "total": "{} exemplars",
    "per-class": "{} exemplars per class",
    "bytes": "{} bytes",
    "paper-bytes": "{} bytes as MEMO counts",
}
_EPOCH_NAMES = ("step", "phase", "epoch")


def job_of(path: Path, record: Record, sha256: str) -> Job:
    """What is logged of the job whose record lies at ``path``.

    Args:
        path: of the record, relative to the working folder.
        record: its content.
        sha256: its digest.
    """
    key, stage = record.key, record.stage
    is_run = "method" in key
    files = {Path(entry.path).name: Path(entry.path) for entry in record.outputs}
    detail = [f"step{key['step']}"] if "step" in key else []
    detail += [record.name] if record.name else []
    group = _group(key, stage)
    return Job(
        name=" ".join([stage, *detail]),
        group=group,
        group_title=_title(key) if is_run else group.replace("/", " "),
        group_id=f"{group}@{_run_digest(record.settings.values)[:12]}" if is_run else group,
        record=path.as_posix(),
        record_sha256=sha256,
        started=_milliseconds(record.started),
        ended=_milliseconds(record.ended),
        params={name: str(value) for name, value in key.items()},
        group_params=_params(record) if is_run and stage == "resolve" else {},
        tags=tags_of(record),
        measurements=(Measurement("seconds", record.seconds, 0), *_epochs(files.get("epochs.csv"))),
        group_measurements=tuple(_scores(files.get("scores.csv"))) if is_run else (),
        data=tuple(_data(record)),
        model=model_of(record),
    )


def _params(record: Record) -> dict[str, str]:
    return {name: str(value) for name, value in flat(record.settings.values) if value != {}}


def model_of(record: Record) -> Model | None:
    """The model that is finished once the exemplars of a run's last step are chosen; none of other jobs."""
    if record.stage != "select" or int(record.key["step"]) < len(record.settings.values["steps"]) - 1:
        return None
    entries = [entry for entry in (*record.inputs, *record.outputs) if entry.base == "work"]
    step = Path(record.outputs[0].path).parent
    return Model(step.parent.as_posix(), {entry.path: entry.sha256 for entry in entries})


def _group(key: Mapping[str, Any], stage: str) -> str:
    if "method" in key:
        return "/".join([*(str(key[name]) for name in _RUN_KEY[:-1]), f"seed{key['seed']}"])
    return f"data/{key['dataset']}" if "dataset" in key and stage in ("generate", "prepare") else "report"


def _title(key: Mapping[str, Any]) -> str:
    """What tells a run from its siblings, foremost: a list of runs shows the first thirty letters of a name."""
    allowed = _ALLOWED[ANY_BUDGET if key["budget"] == ANY_BUDGET else parse_budget(key["budget"]).kind]
    amount = key["budget"].rpartition("-")[2]
    return f"{key['method']}, {allowed.format(amount)}, seed {key['seed']}, {key['dataset']} {key['protocol']}"


def _run_digest(settings: Mapping[str, Any]) -> str:
    """Digest of a run's settings; those of an aligner stand beside them, and belong to its jobs alone."""
    return sha256_json({name: value for name, value in settings.items() if name != "aligner"})


def _milliseconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def tags_of(record: Record) -> dict[str, str]:
    """Facts of a record that are logged as tags."""
    source, environment = record.source, record.environment
    data = {version.name: version.sha256 for version in _data(record)}
    facts = {
        "stage": record.stage,
        "commit": source.commit,
        "dirty": source.dirty,
        "diff_sha256": source.diff_sha256,
        "tree_sha256": source.tree_sha256,
        "lock_sha256": source.lock_sha256,
        "config_sha256": record.settings.sha256,
        "data_sha256": sha256_json(data) if data else None,
        "code": record.code.digest,
        "pipeline": record.pipeline,
        "host": environment.host,
        "device": environment.device,
        "slurm_job_id": environment.slurm_job_id,
    }
    return {f"meshcil.{name}": str(value) for name, value in facts.items() if value is not None}


def _data(record: Record) -> Iterator[DataVersion]:
    for entry in record.inputs:
        if entry.base == "work" and entry.path.startswith("data/"):
            yield DataVersion(entry.path, entry.sha256)


def _rows(path: Path | None) -> list[dict[str, str]]:
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _epochs(path: Path | None) -> Iterator[Measurement]:
    for position, row in enumerate(_rows(path)):
        for name, text in row.items():
            if name not in _EPOCH_NAMES and text and math.isfinite(float(text)):
                yield Measurement(name, float(text), position)


def _scores(path: Path | None) -> Iterator[Measurement]:
    for row in _rows(path):
        if not row["task"] and not row["class_name"] and row["value"]:
            yield Measurement(f"{row['test_set'] or 'memory'}/{row['metric']}", float(row["value"]), int(row["step"]))
