"""MLflow: one experiment per experiment, one run per run, shared first step, dataset and report, one nested per job.

Stages never talk to it: their records are logged here by one local job, in one process.
"""

import fcntl
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from itertools import islice
from pathlib import Path

# Both are read when MLflow is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "1")
# A server that does not answer is given a minute, not five.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")

from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from meshcil.core.errors import InputError
from meshcil.tracking.base import DataVersion, Job, Measurement, Tracker
from meshcil.tracking.registry import register
from meshcil.tracking.stored import ANCHOR_TAG, GROUP_TAG, RECORD_TAG, SERVER, prepare_database

PARENT = "mlflow.parentRunId"
_CLASSIC = {"mlflow.experimentKind": "custom_model_development"}
"""Lets MLflow show an experiment as training runs with their metrics, not as traces of language models."""
_PARAMS_PER_CALL, _METRICS_PER_CALL, _PAGE = 100, 900, 1000
_DIGEST_LENGTH = 36
_SQLITE = "sqlite:///"
_PATIENCE = 300.0
"""Seconds to wait for a locked database; MLflow itself gives up after twenty."""


class MlflowTracker(Tracker):
    """Logs to the server of MLFLOW_TRACKING_URI, or to `mlflow.db` in the working folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.uri = os.environ.get(SERVER) or f"{_SQLITE}{self.folder / 'mlflow.db'}"

    def log(self, experiment: str, jobs: Sequence[Job], anchor: str | None = None) -> dict[str, str]:
        """Log the jobs that the database does not hold yet; those it holds keep their ids.

        Raises InputError when MLflow refuses, or cannot be reached.
        """
        try:
            return self._log(experiment, jobs, anchor)
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            remedy = "The results are complete. Mend it, then run the same command again"
            raise InputError(f"MLflow at {self.uri}", f"does not take the runs ({reason})", remedy, "mlflow") from error

    def _log(self, experiment: str, jobs: Sequence[Job], anchor: str | None) -> dict[str, str]:
        with _only_one(self.folder / "mlflow.lock"):
            if self.uri.startswith(_SQLITE):
                _prepare(Path(self.uri.removeprefix(_SQLITE)))
            client = MlflowClient(self.uri)
            place = self._experiment(client, experiment)
            known = list(_all_runs(client, place.experiment_id))
            _forget_half_logged(client, known, jobs)
            logged = {run.data.tags[RECORD_TAG]: run.info.run_id for run in known if RECORD_TAG in run.data.tags}
            groups = {run.data.tags[GROUP_TAG]: run.info.run_id for run in known if GROUP_TAG in run.data.tags}
            for job in jobs:
                if job.record_sha256 not in logged:
                    if job.group_id not in groups:
                        groups[job.group_id] = _start_group(client, place, job)
                    logged[job.record_sha256] = _log_job(client, place, job, groups[job.group_id])
                if job.model is not None:
                    register(client, job, job.model, groups[job.group_id])
            if anchor is not None:
                client.set_experiment_tag(place.experiment_id, ANCHOR_TAG, anchor)
            return {job.record: logged[job.record_sha256] for job in jobs}

    def _experiment(self, client: MlflowClient, name: str) -> Experiment:
        found = client.get_experiment_by_name(name)
        if found is None:
            location = (self.folder / "mlruns" / name).as_uri() if self.uri.startswith("sqlite") else None
            found = client.get_experiment(client.create_experiment(name, artifact_location=location, tags=_CLASSIC))
        elif found.lifecycle_stage == "deleted":
            print(f"note: experiment {name} had been deleted in MLflow; it is restored with its runs", file=sys.stderr)
            client.restore_experiment(found.experiment_id)
        return found


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    # A fresh database breaks when two processes migrate it at once.
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _prepare(database: Path) -> None:
    """Make the database where there is none; wait while another program writes to it.

    Raises InputError when another program does so for long.
    """
    if database.exists():
        _wait_until_writable(database)
        prepare_database(database)
        return
    # Under another name: MLflow cannot repeat the making of its tables after that was cut off.
    fresh = database.with_name(f".{database.name}.tmp")
    for leftover in database.parent.glob(f"{escape(fresh.name)}*"):
        leftover.unlink()
    MlflowClient(f"{_SQLITE}{fresh}").search_experiments(max_results=1)
    # SQLite makes files that only their owner writes; the umask, which the lock's file follows, may say more.
    fresh.chmod(database.with_name("mlflow.lock").stat().st_mode & 0o777)
    fresh.replace(database)


def _wait_until_writable(database: Path, seconds: float = _PATIENCE) -> None:
    """Wait while another program writes to the database. Raises InputError when it still does after ``seconds``."""
    for timeout in (0.0, seconds):
        connection = sqlite3.connect(database, timeout=timeout, isolation_level=None)
        try:
            connection.execute("begin immediate")
            connection.execute("rollback")
            return
        except sqlite3.OperationalError as error:
            if timeout:
                remedy = "End the program that uses it and run the same command again"
                raise InputError(database, f"cannot be written ({error})", remedy) from error
            print(f"waiting for {database}: {error}", file=sys.stderr, flush=True)
        finally:
            connection.close()


def _all_runs(client: MlflowClient, experiment: str) -> Iterator[Run]:
    token = None
    while True:
        page = client.search_runs([experiment], max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _forget_half_logged(client: MlflowClient, known: Sequence[Run], jobs: Sequence[Job]) -> None:
    """Delete the runs of these jobs whose logging was cut off: the jobs are about to be logged anew."""
    begun = {(job.record, job.started) for job in jobs}
    for run in known:
        if RECORD_TAG not in run.data.tags and (run.data.tags.get("meshcil.record"), run.info.start_time) in begun:
            client.delete_run(run.info.run_id)


def _start_group(client: MlflowClient, place: Experiment, job: Job) -> str:
    tags = {GROUP_TAG: job.group_id, "mlflow.runName": job.group_title}
    run = client.create_run(place.experiment_id, start_time=job.started, tags=tags)
    return run.info.run_id


def _log_job(client: MlflowClient, place: Experiment, job: Job, parent: str) -> str:
    tags = {"mlflow.runName": job.name, PARENT: parent, "meshcil.record": job.record, **job.tags}
    run = client.create_run(place.experiment_id, start_time=job.started, tags=tags).info.run_id
    _log_numbers(client, run, job.params, job.measurements, job.ended)
    _log_numbers(client, parent, job.group_params, job.group_measurements, job.ended)
    if job.data:
        context = [InputTag("mlflow.data.context", "input")]
        client.log_inputs(run, [DatasetInput(_dataset(version), context) for version in job.data])
    client.set_terminated(run, end_time=job.ended)
    client.set_terminated(parent, end_time=job.ended)
    # Last: a job interrupted before this line is logged again, not left half logged.
    client.log_batch(run, tags=[RunTag(RECORD_TAG, job.record_sha256)])
    return run


def _dataset(version: DataVersion) -> Dataset:
    return Dataset(version.name, version.sha256[:_DIGEST_LENGTH], "local", version.name)


def _log_numbers(
    client: MlflowClient, run: str, params: dict[str, str], measurements: Sequence[Measurement], time: int
) -> None:
    named = iter([Param(name, value) for name, value in params.items()])
    points = iter([Metric(m.name, m.value, time, m.step) for m in measurements])
    while True:
        some_params, some_points = list(islice(named, _PARAMS_PER_CALL)), list(islice(points, _METRICS_PER_CALL))
        if not some_params and not some_points:
            return
        client.log_batch(run, metrics=some_points, params=some_params)


def build() -> Tracker:
    """Tracker of the working folder."""
    return MlflowTracker(Path.cwd())
