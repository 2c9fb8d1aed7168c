"""A checkout of its own with the smoke experiment, published to a DVC remote beside it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.workflow.conftest import ROOT

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@t")
JOB = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
WRITTEN = ("data", "results", "reports", "mlflow.db")


def call(folder: Path, *command: str) -> str:
    """Output of a command in a checkout, which runs the checkout's own package.

    Raises:
        AssertionError: with the output, when it fails.
    """
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def make(folder: Path, target: str) -> str:
    """`make TARGET` with the packages that run the tests."""
    packages = (f"BIN={Path(sys.executable).parent}", "STAMP=Makefile", f"PYTHON={sys.executable}")
    return call(folder, "make", target, *packages)


def workflow(folder: Path, *arguments: str) -> str:
    """Snakemake in a checkout."""
    profile = ("--workflow-profile", "workflow/profiles/default", "--nolock", "--cores", "2")
    return call(folder, sys.executable, "-m", "snakemake", *profile, *arguments, "--config", "experiment=smoke")


def jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs, as Snakemake lists them."""
    return {rule: int(number) for rule, number in JOB.findall(output) if rule not in ("total", "all")}


def changed_stages(folder: Path) -> dict[str, list]:
    """Stages that DVC would run, and why."""
    output = call(folder, sys.executable, "-m", "dvc", "status", "--json")
    return json.JSONDecoder().raw_decode(output[output.index("{") :])[0]


def clone(source: Path, folder: Path) -> Path:
    """A clone in which the packages that run the tests are found."""
    call(source, "git", "clone", "--quiet", str(source), str(folder))
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def publish(smoke: Path, place: Path) -> Path:
    """Take the results of ``smoke`` into a checkout of this very source, and publish them."""
    folder = clone(ROOT, place / "origin")
    for name in call(ROOT, "git", "ls-files", "-mo", "--exclude-standard").split():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    settings = folder / "dvc.yaml"
    text = settings.read_text().replace("experiment: laptop", "experiment: smoke")
    settings.write_text(text.replace("[primitives3d]", "[primitives3d-tiny]"))
    call(folder, "git", "add", "--all")
    call(folder, "git", *IDENTITY, "commit", "--quiet", "--message", "Keep the smoke experiment")
    for name in WRITTEN:
        copy = shutil.copytree if (smoke / name).is_dir() else shutil.copy2
        copy(smoke / name, folder / name, **({"dirs_exist_ok": True} if (smoke / name).is_dir() else {}))
    workflow(folder, "--touch", "--forceall")
    make(folder, "reproduce")
    advice = make(folder, "publish")
    (files,) = re.findall(r"git add --force (.*)", advice)
    call(folder, "git", "add", "--force", *files.split())
    call(folder, "git", *IDENTITY, "commit", "--quiet", "--message", "Publish results")
    return folder
