"""What the local MLflow database holds, read without MLflow: its import alone takes longer than a trace."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError

DATABASE = Path("mlflow.db")
RECORD_TAG = "meshcil.record_sha256"
ANCHOR_TAG = "meshcil.anchor"
_RECORD = ".record.json"
_REMEDY = "Restore it, or delete it and log the records again with `meshcil track --rebuild`"


def tracked_runs(folder: Path = Path("results/tracking")) -> dict[str, str]:
    """Path of a record -> id of its run in MLflow, from the files that `track` wrote.

    Reports of several experiments have the same path: of what several files list, the last one written counts.

    Raises:
        InputError: when such a file is damaged.
    """
    found: dict[str, str] = {}
    written = [path for path in folder.glob("*.json") if not path.name.endswith(_RECORD)]
    for path in sorted(written, key=lambda path: (_written_at(path), path)):
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("runs"), dict):
            raise InputError(path, "does not list runs", "Delete it and run the pipeline again")
        found |= content["runs"]
    return {record: run for record, run in found.items() if run}


def _written_at(path: Path) -> str:
    try:
        return str(read_json(path.with_name(f"track-{path.stem}{_RECORD}"))["ended"])
    except (InputError, KeyError, TypeError):
        # That the record is missing or damaged is for the audit to say.
        return ""


def stored_tags(database: Path = DATABASE) -> Mapping[str, Mapping[str, str]]:
    """Run id -> its tags.

    Raises:
        InputError: when the file is no MLflow database.
    """
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    for run, key, value in _query(database, "select run_uuid, key, value from tags"):
        tags[run][key] = value
    return dict(tags)


def stored_anchors(database: Path = DATABASE) -> dict[str, str]:
    """Name of an experiment -> the anchor it was logged with.

    Raises:
        InputError: when the file is no MLflow database.
    """
    query = (
        "select e.name, t.value from experiment_tags t join experiments e on e.experiment_id = t.experiment_id"
        f" where t.key = '{ANCHOR_TAG}'"
    )
    return dict(_query(database, query))


def registered_records(database: Path = DATABASE) -> set[str]:
    """Digests of the records whose models are in the registry.

    Raises:
        InputError: when the file is no MLflow database.
    """
    return {row[0] for row in _query(database, f"select value from model_version_tags where key = '{RECORD_TAG}'")}


def _query(database: Path, query: str) -> list[tuple]:
    try:
        connection = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise InputError(database, f"cannot be opened ({error})", _REMEDY) from error
    try:
        return connection.execute(query).fetchall()
    except sqlite3.Error as error:
        raise InputError(database, f"is no MLflow database ({error})", _REMEDY) from error
    finally:
        connection.close()


@dataclass(frozen=True)
class StoredRun:
    """A run, shared first step, dataset or report in the database; its jobs are nested below it.

    Attributes:
        experiment: its name.
        name: of the run.
        state: `RUNNING`, `FINISHED`, `FAILED` or `KILLED`.
        ended: milliseconds since 1970; None while it runs.
        metrics: last value of each.
    """

    experiment: str
    name: str
    state: str
    ended: int | None
    metrics: Mapping[str, float]


def stored_runs(database: Path = DATABASE) -> list[StoredRun]:
    """Runs that were not deleted, the newest first.

    Raises:
        InputError: when the file is no MLflow database.
    """
    metrics: dict[str, dict[str, float]] = defaultdict(dict)
    for run, key, value in _query(database, "select run_uuid, key, value from latest_metrics where is_nan = 0"):
        metrics[run][key] = value
    query = (
        "select r.run_uuid, e.name, r.name, r.status, r.end_time from runs r"
        " join experiments e on e.experiment_id = r.experiment_id where r.lifecycle_stage = 'active'"
        " and r.run_uuid not in (select run_uuid from tags where key = 'mlflow.parentRunId') order by r.start_time desc"
    )
    return [StoredRun(*row[1:], metrics.get(row[0], {})) for row in _query(database, query)]
