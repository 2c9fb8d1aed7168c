"""One small pipeline run, shared by the tests that look at it."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def snakemake_command(folder: Path, *arguments: str) -> list[str]:
    """Command that runs the workflow with outputs in ``folder``."""
    profile = ROOT / "workflow" / "profiles" / "default"
    base = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    place = ["--workflow-profile", str(profile), "--directory", str(folder), "--cores", "2", "--nolock"]
    return [*base, *place, *arguments]


def snakemake(folder: Path, *arguments: str, experiment: str = "smoke", **environment: str) -> str:
    """Run the workflow and return what it printed.

    Raises:
        AssertionError: with the output, when it fails.
    """
    command = snakemake_command(folder, *arguments, "--config", f"experiment={experiment}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | environment)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


@pytest.fixture(scope="session", autouse=True)
def stage_server() -> Iterator[None]:
    """The process from which `meshcil submit` starts jobs; Snakemake alone would have each import torch."""
    address = f"meshcil-tests-{os.getpid()}"
    command = [sys.executable, "-I", str(ROOT / "workflow" / "scripts" / "stage.py"), "--serve"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESHCIL_STAGE_SERVER", address)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            yield
            process.kill()


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Folder with a finished run of the smoke experiment: made once, of which every test process has a copy."""
    folder = tmp_path_factory.mktemp("smoke")
    if worker_id == "master":
        snakemake(folder)
        return folder
    # As deep as the copy: the path of the configuration is part of every command.
    shared = tmp_path_factory.getbasetemp().parent / "shared" / "smoke"
    shared.mkdir(parents=True, exist_ok=True)
    with (shared.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared.parent / "finished").exists():
            snakemake(shared)
            (shared.parent / "finished").touch()
    return shutil.copytree(shared, folder, symlinks=True, dirs_exist_ok=True)
