"""The smoke experiment on a real Slurm, with its controller killed, and logged to MLflow on PostgreSQL."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from meshcil.core.hashing import sha256_file
from tests.cluster.conftest import squeue
from tests.cluster.debian import reason_to_skip
from tests.cluster.services import mlflow_server, postgresql, wait_until
from tests.workflow.test_smoke import records, results

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]

SUBMIT = [sys.executable, "-m", "meshcil.cli", "submit", "smoke", "--profile", "slurm"]


def submit(folder: Path, environment: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SUBMIT, *options], cwd=folder, env=dict(environment), capture_output=True, text=True)


def alive(environment: Mapping[str, str], state: str = "RUNNING,PENDING,COMPLETING") -> list[str]:
    """Slurm's numbers of this project's jobs."""
    return squeue(environment, "--states", state, "--format", "%i")


@contextmanager
def watched(environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Collects every moment at which two jobs for the same work were in the queue."""
    doubles: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(1):
            comments = Counter(squeue(environment, "--states", "RUNNING,PENDING", "--format", "%k"))
            doubles.extend(comment for comment, number in comments.items() if number > 1)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield doubles
    finally:
        done.set()
        thread.join()


def is_training(checkout: Path) -> bool:
    return any(checkout.glob("results/runs/*/*/*/*/*/step*/.*.lock"))


@pytest.fixture(scope="module")
def database(place: Path) -> Iterator[str]:
    """Address of a PostgreSQL database; skipped where there is none."""
    if reason := reason_to_skip("postgresql"):
        pytest.skip(reason)
    folder = place / "postgresql"
    folder.mkdir()
    with postgresql(folder) as address:
        yield address


@pytest.fixture(scope="module")
def mlflow_address(database: str, place: Path) -> Iterator[str]:
    """Address of an MLflow server on that database."""
    folder = place / "mlflow"
    folder.mkdir()
    with mlflow_server(database, folder) as address:
        yield address


@pytest.fixture(scope="module")
def killed(checkout: Path, cluster: Mapping[str, str], environment: dict[str, str], mlflow_address: str) -> Path:
    """The checkout after its controller was killed, with all it had started here, while a training job ran.

    The server is up, so that the second controller follows at once, but this one knows nothing of it.
    """
    everything = environment | cluster
    with (checkout / "first.out").open("wb") as stream:
        controller = subprocess.Popen(
            SUBMIT, cwd=checkout, env=everything, stdout=stream, stderr=stream, start_new_session=True
        )
    try:
        wait_until(lambda: is_training(checkout) or controller.poll() is not None, "a step trains", 600)
    finally:
        assert controller.poll() is None, (checkout / "first.out").read_text()
        os.killpg(controller.pid, signal.SIGKILL)
        controller.wait()
    names = squeue(everything, "--states", "RUNNING", "--format", "%j")
    assert names, (checkout / "first.out").read_text()
    # The steps of this experiment end within seconds; this one stands for a step that does not.
    lasting = ["sbatch", "--job-name", names[0], "--output", "/dev/null", "--mem", "10", "--wrap", "sleep 900"]
    subprocess.run(lasting, env=everything, check=True, capture_output=True)
    return checkout


@pytest.fixture(scope="module")
def refused(killed: Path, cluster: Mapping[str, str], environment: dict[str, str]) -> str:
    """What a second controller said while jobs of the first were alive."""
    done = submit(killed, environment | cluster)
    assert done.returncode == 2, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def finished(
    killed: Path, refused: str, cluster: Mapping[str, str], environment: dict[str, str], mlflow_address: str
) -> Path:
    """The checkout after a second controller cancelled what was left and finished the work."""
    with watched(environment | cluster) as doubles:
        done = submit(killed, environment | cluster | {"MLFLOW_TRACKING_URI": mlflow_address}, "--cancel")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "of an earlier run" in output
    assert doubles == [], output
    return killed


def test_a_second_controller_refuses_while_jobs_of_the_first_are_alive(refused: str) -> None:
    assert "still has jobs of an earlier run in this folder" in refused
    assert "(RUNNING)" in refused and "meshcil submit --cancel" in refused
    assert "Traceback" not in refused


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """Folder with a run on this machine's cores; MESHCIL_REFERENCE names one that was made before."""
    if given := os.environ.get("MESHCIL_REFERENCE"):
        return Path(given)
    folder = tmp_path_factory.mktemp("local")
    command = [sys.executable, "-m", "meshcil.cli", "submit", "smoke"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_cluster_computes_the_bytes_of_a_local_run(finished: Path, local: Path) -> None:
    expected, found = results(local), results(finished)
    assert any(path.startswith("reports/tables/") for path in expected)
    assert found == expected


def test_every_job_ran_under_slurm_and_was_recorded_once(finished: Path, cluster: Mapping[str, str]) -> None:
    stages = ("generate", "prepare", "train", "select", "predict", "score")
    here = {path: record for path, record in records(finished).items() if record["stage"] in stages}
    numbers = {path: record["environment"]["slurm_job_id"] for path, record in here.items()}
    assert {record["stage"] for record in here.values()} == set(stages) and all(numbers.values()), numbers
    known = squeue(os.environ | dict(cluster), "--states", "COMPLETED", "--format", "%i")
    late = {number for path, number in numbers.items() if "step1" in path or "score" in path}
    assert late and late <= set(known)
    # A later step and the choice of its exemplars travel together, and so does all that a run is evaluated by.
    jobs = [{n for p, n in numbers.items() if f"/{method}/" in p} for method in ("inemo-smoke", "icarl-smoke")]
    assert all(len(numbers) == 4 for numbers in jobs) and not jobs[0] & jobs[1], jobs


def test_logs_are_where_the_profile_says(finished: Path) -> None:
    assert list(finished.glob("logs/slurm/group_*/**/*.log"))
    assert list(finished.glob("logs/runs/*/*/*/*/seed0/step1/train.log"))


def test_status_says_that_everything_is_done(
    finished: Path, cluster: Mapping[str, str], environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "meshcil.cli", "status", "smoke"]
    done = subprocess.run(command, cwd=finished, env=environment | cluster, capture_output=True, text=True)
    assert done.returncode == 0 and "Everything is done." in done.stdout, done.stdout + done.stderr


def test_mlflow_on_postgresql_holds_every_record_once(finished: Path, database: str) -> None:
    connection = psycopg2.connect(database)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select value, run_uuid from tags where key = 'meshcil.record_sha256'")
            logged = cursor.fetchall()
    finally:
        connection.close()
    expected = sorted(sha256_file(finished / path) for path in records(finished) if "track-" not in path)
    assert sorted(digest for digest, _ in logged) == expected
    runs = json.loads((finished / "results/tracking/smoke.json").read_text())["runs"]
    assert set(runs.values()) == {run for _, run in logged}
    assert not (finished / "mlflow.db").exists()
