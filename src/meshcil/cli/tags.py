"""Check MLflow's copy of the records against the records."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.lineage.anchor import anchor
from meshcil.lineage.schema import Record
from meshcil.tracking.jobs import model_of, tags_of
from meshcil.tracking.stored import (
    DATABASE,
    RECORD_TAG,
    registered_records,
    stored_anchors,
    stored_tags,
    tracked_runs,
)


def check_tags(records: Mapping[Path, Record]) -> tuple[list[str], list[str]]:
    """Runs of the local MLflow database whose tags contradict their records, and notes."""
    try:
        runs = tracked_runs()
        if not runs:
            return [], ["nothing was logged to MLflow"]
        if not DATABASE.is_file():
            return [], [f"{DATABASE} is not here: `meshcil track --rebuild` makes it again from the records"]
        stored, anchors, models = stored_tags(), stored_anchors(), registered_records()
    except InputError as error:
        return [f"{error.where}: {error.cause}"], []
    findings = [f for name, run in runs.items() for f in _differences(run, stored.get(run), Path(name), records)]
    findings += [f"{DATABASE}: the model of {path} is not registered" for path in _unregistered(runs, models, records)]
    shown = {str(record.key["experiment"]) for record in records.values() if record.stage == "track"}
    wrong = [name for name, digest in anchors.items() if name in shown and digest != anchor()]
    findings += [f"{DATABASE}: experiment {name} bears the anchor of another report" for name in wrong]
    return findings, []


def _unregistered(runs: Iterable[str], models: set[str], records: Mapping[Path, Record]) -> list[str]:
    tracked = {name: records[Path(name)] for name in runs if Path(name) in records}
    finished = [name for name, record in tracked.items() if model_of(record.model_dump(mode="json"))]
    return [name for name in finished if sha256_file(Path(name)) not in models]


def _differences(run: str, tags: Mapping[str, str] | None, path: Path, records: Mapping[Path, Record]) -> list[str]:
    if path not in records:
        return []
    if tags is None:
        return [f"{DATABASE}: run {run} of {path} is missing"]
    # A tag that is not there was not known yet when the run was logged; the record's digest always was.
    found = {RECORD_TAG: "none", **tags}
    expected = {RECORD_TAG: sha256_file(path), **tags_of(records[path].model_dump(mode="json"))}
    return [
        f"{DATABASE}: tag {name} of run {run} is {found[name]!r}, but {path} says {value!r}"
        for name, value in expected.items()
        if name in found and found[name] != value
    ]
