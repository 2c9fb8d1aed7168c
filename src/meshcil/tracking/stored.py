"""What the local MLflow database holds, read without MLflow: its import alone takes longer than a trace."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError

DATABASE = Path("mlflow.db")
RECORD_TAG = "meshcil.record_sha256"
ANCHOR_TAG = "meshcil.anchor"
_REMEDY = "Restore it, or delete it and log the records again with `meshcil track --rebuild`"


def tracked_runs(folder: Path = Path("results/tracking")) -> dict[str, str]:
    """Path of a record -> id of its run in MLflow, from the files that `track` wrote.

    Raises:
        InputError: when such a file is damaged.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith(".record.json"):
            continue
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("runs"), dict):
            raise InputError(path, "does not list runs", "Delete it and run the pipeline again")
        found |= content["runs"]
    return {record: run for record, run in found.items() if run}


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
