"""A cluster, and a checkout of its own to run in."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.debian import reason_to_skip
from tests.cluster.services import slurm_cluster

ROOT = Path(__file__).resolve().parents[2]
LOCAL_PROFILE = """
jobs: 4
latency-wait: 5
slurm-init-seconds-before-status-checks: 4
default-resources:
  slurm_partition: debug
  mem_mb: 2000
set-threads:
  generate: 2
  prepare: 2
"""


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp(prefix="meshcil-cluster-"))
    folder.chmod(0o755)
    yield folder
    end_processes_in(folder)
    shutil.rmtree(folder, ignore_errors=True)


def end_processes_in(folder: Path) -> None:
    """End what still works in ``folder``: without cgroups, Slurm loses sight of a cancelled job's grandchildren."""
    for place in Path("/proc").glob("[0-9]*/cwd"):
        # Processes that end meanwhile.
        with suppress(OSError):
            if place.resolve().is_relative_to(folder.resolve()):
                os.kill(int(place.parent.name), signal.SIGKILL)


@pytest.fixture(scope="session")
def cluster(place: Path) -> Iterator[Mapping[str, str]]:
    """The environment in which Slurm's commands work."""
    if reason := reason_to_skip("slurm-wlm", "munge"):
        pytest.skip(reason)
    folder = place / "slurm"
    folder.mkdir()
    with slurm_cluster(folder) as environment:
        yield environment


@pytest.fixture(scope="session")
def checkout(place: Path) -> Path:
    """The project's files as they are here, with settings of this machine outside git."""
    folder = place / "checkout"
    for name in ("Snakefile", "requirements.lock", "src", "config", "workflow"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder)
    (folder / "workflow/profiles/local.yaml").write_text(LOCAL_PROFILE)
    return folder


@pytest.fixture(scope="session")
def environment(checkout: Path) -> dict[str, str]:
    """What runs of that checkout need."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SNAKEMAKE", "MESHCIL"))}
    return kept | {"PYTHONPATH": str(checkout / "src"), "MESHCIL_DEVICE": "cpu", "OMP_NUM_THREADS": "1"}


def squeue(environment: Mapping[str, str], *options: str) -> list[str]:
    """Lines of Slurm's queue."""
    command = ["squeue", "--noheader", *options]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(environment), check=True)
    return done.stdout.splitlines()
