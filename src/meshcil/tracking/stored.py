"""What the local MLflow database holds, read without MLflow: its import alone takes longer than a trace."""

import os
import re
import sqlite3
import sys
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.lineage.files import record_in
from meshcil.lineage.reading import read_record
from meshcil.lineage.schema import SUFFIX

DATABASE = Path("mlflow.db")
RECORD_TAG = "meshcil.record_sha256"
ANCHOR_TAG = "meshcil.anchor"
SERVER = "MLFLOW_TRACKING_URI"
"""Variable with the address of another place to log to."""
GROUP_TAG = "meshcil.group"
"""Of a run that jobs are nested below: the path it was trained under, and a digest of its settings."""
_SECTION = "mlflow"
_PATIENCE = 5.0
"""Seconds that a server may take to answer before a run."""
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Tables and columns with addresses of files below `mlruns`."""
_REMEDY = "Restore it, or delete it and log the records again with `meshcil track --rebuild`"


def check_tracker() -> str:
    """Ask in a few seconds whether runs can be logged, and where that is.

    Raises InputError when the server does not answer, or there can be no database or it is for another MLflow.
    """
    address = os.environ.get(SERVER, "")
    if not address:
        if "%" in sys.prefix:
            # Its migrations take their own place for a pattern (MLflow 3.17).
            cause = "has `%` in its path, where MLflow cannot make a database"
            raise InputError(sys.prefix, cause, "Move the checkout to a folder without it", _SECTION)
        return (
            f"schema {prepare_database()}" if DATABASE.is_file() else f"no {DATABASE} here yet; the first run makes one"
        )
    remedy = f"Unset it to log to {DATABASE} here, or give http://HOST:PORT or sqlite:///FILE"
    if not re.match(r"[a-z0-9+]+:", address):
        raise InputError(SERVER, f"is `{address}`, which is neither a server nor a database", remedy, _SECTION)
    if address.startswith("http"):
        try:
            urllib.request.urlopen(f"{address.rstrip('/')}/health", timeout=_PATIENCE).close()
        except urllib.error.HTTPError:
            # It answers, be it that it wants a name and a password.
            pass
        except OSError as error:
            cause = f"is {address}, which does not answer ({getattr(error, 'reason', error)})"
            raise InputError(SERVER, cause, f"Start the server. {remedy}", _SECTION) from error
    return f"logs to {address}"


def prepare_database(database: Path = DATABASE) -> str:
    """Check the schema of the database and let it name the files of the folder it is in now; the schema.

    MLflow stores absolute addresses, which lead a copied or moved folder to the original.

    Raises InputError when the schema is older or newer than that of the installed MLflow.
    """
    stored = "".join(row[0] for row in _query(database, "select version_num from alembic_version"))
    known, newest = _schemas()
    if stored in known and stored != newest:
        remedy = f"Copy it, then run: .venv/bin/mlflow db upgrade sqlite:///{database}"
        cause = f"has schema {stored} of an older MLflow; the installed one needs {newest}"
        raise InputError(database, cause, remedy, _SECTION)
    if stored != newest:
        cause = f"has schema {stored or 'none'} of a newer MLflow; the installed one needs {newest}"
        remedy = "Move it away and run `meshcil track --rebuild`, or install the newer MLflow"
        raise InputError(database, cause, remedy, _SECTION)
    here = database.resolve().parent.as_uri()
    with closing(sqlite3.connect(database, timeout=60.0)) as connection, connection:
        rows = connection.execute("select name, artifact_location from experiments").fetchall()
        ends = [(str(place), f"/mlruns/{quote(name)}") for name, place in rows]
        for before in {place.removesuffix(end) for place, end in ends if place.endswith(end)} - {here}:
            print(f"note: {database} was made in {before}; its addresses now lead to this folder", file=sys.stderr)
            for table, column in _PLACES:
                mended = f"update {table} set {column} = ? || substr({column}, ?) where substr({column}, 1, ?) = ?"
                old = f"{before}/mlruns/"
                connection.execute(mended, (here, len(before) + 1, len(old), old))
    return stored


def _schemas() -> tuple[set[str], str]:
    """Migrations of the installed MLflow and the newest of them, from its files: importing it takes seconds."""
    folders = [Path(p) / "mlflow/store/db_migrations/versions" for p in sys.path]
    texts = [path.read_text(encoding="utf-8") for f in folders if f.is_dir() for path in f.glob("*.py")]
    made, before = (
        {match[1] for text in texts if (match := re.search(rf'^{name}\s*=\s*"(\w+)"', text, re.MULTILINE))}
        for name in ("revision", "down_revision")
    )
    return made, ", ".join(sorted(made - before))


def tracked_runs(folder: Path = Path("results/tracking")) -> dict[str, str]:
    """Path of a record -> id of its run in MLflow, from the files that `track` wrote.

    Reports of several experiments have the same path: of what several files list, the last one written counts.

    Raises InputError when such a file is damaged.
    """
    found: dict[str, str] = {}
    written = [path for path in folder.glob("*.json") if not path.name.endswith(SUFFIX)]
    for path in sorted(written, key=lambda path: (_written_at(path), path)):
        content = read_json(path)
        if not isinstance(content, dict) or not isinstance(content.get("runs"), dict):
            raise InputError(path, "does not list runs", "Delete it and run the pipeline again")
        found |= content["runs"]
    return {record: run for record, run in found.items() if run}


def _written_at(path: Path) -> str:
    try:
        return read_record(record_in(path.parent, "track", path.stem)).ended
    except InputError:
        # That the record is missing or damaged is for the audit to say.
        return ""


def stored_tags(database: Path = DATABASE) -> Mapping[str, Mapping[str, str]]:
    """Run id -> its tags. Raises InputError when the file is no MLflow database."""
    tags: dict[str, dict[str, str]] = defaultdict(dict)
    for run, key, value in _query(database, "select run_uuid, key, value from tags"):
        tags[run][key] = value
    return dict(tags)


def stored_anchors(database: Path = DATABASE) -> dict[str, str]:
    """Name of an experiment -> the anchor it was logged with. Raises InputError when the file is no MLflow database."""
    query = (
        "select e.name, t.value from experiment_tags t join experiments e on e.experiment_id = t.experiment_id"
        f" where t.key = '{ANCHOR_TAG}'"
    )
    return dict(_query(database, query))


def registered_records(database: Path = DATABASE) -> set[str]:
    """Digests of the records whose models are in the registry.

    Raises InputError when the file is no MLflow database.
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
        raise InputError(database, f"is not an MLflow database ({error})", _REMEDY) from error
    finally:
        connection.close()


@dataclass(frozen=True)
class StoredRun:
    """A run, shared first step, dataset or report in the database; its jobs are nested below it.

    Attributes:
        experiment: its name.
        group: its `GROUP_TAG`, "" without one.
        name: of the run, for people.
        state: `RUNNING`, `FINISHED`, `FAILED` or `KILLED`.
        ended: milliseconds since 1970; None while it runs.
        metrics: last value of each.
    """

    experiment: str
    group: str
    name: str
    state: str
    ended: int | None
    metrics: Mapping[str, float]


def stored_runs(database: Path = DATABASE) -> list[StoredRun]:
    """Runs that were not deleted, the newest first. Raises InputError when the file is no MLflow database."""
    metrics: dict[str, dict[str, float]] = defaultdict(dict)
    for run, key, value in _query(database, "select run_uuid, key, value from latest_metrics where is_nan = 0"):
        metrics[run][key] = value
    query = (
        "select r.run_uuid, e.name, coalesce(t.value, ''), r.name, r.status, r.end_time from runs r"
        " join experiments e on e.experiment_id = r.experiment_id"
        f" left join tags t on t.run_uuid = r.run_uuid and t.key = '{GROUP_TAG}' where r.lifecycle_stage = 'active'"
        " and r.run_uuid not in (select run_uuid from tags where key = 'mlflow.parentRunId') order by r.start_time desc"
    )
    return [StoredRun(*row[1:], metrics.get(row[0], {})) for row in _query(database, query)]
