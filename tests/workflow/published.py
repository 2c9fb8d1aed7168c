"""A checkout with its own environment, and the smoke experiment in it, published to a DVC remote next to it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from hashlib import sha256
from pathlib import Path

from tests.workflow.conftest import ROOT

IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@t")
JOB = re.compile(r"^(\w+) +(\d+)$", re.MULTILINE)
LINK = "_editable_impl_meshcil.pth"
"""File in an environment that names the source of the package."""
WRITTEN = ("data", "results", "reports", "mlflow.db")


def call(folder: Path, *command: str) -> str:
    """Output of a command in a checkout.

    Raises:
        AssertionError: with the output, when it fails.
    """
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=own_variables())
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def own_variables() -> dict[str, str]:
    """Variables without the server of stages, which would run the code that is tested, not that of a checkout."""
    return {name: value for name, value in os.environ.items() if name != "MESHCIL_STAGE_SERVER"}


def install(folder: Path) -> None:
    """What `make setup` makes in a checkout: `.venv` with the packages that run the tests, and the checkout's own."""
    shutil.rmtree(folder / ".venv", ignore_errors=True)
    site = Path(sysconfig.get_path("purelib"))
    own = folder / ".venv" / site.relative_to(sys.prefix)
    own.mkdir(parents=True)
    for path in site.iterdir():
        if path.name != LINK:
            (own / path.name).symlink_to(path)
    (own / LINK).write_text(str(folder / "src"))
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), folder / ".venv")
    (folder / ".venv/bin").mkdir()
    for path in Path(sys.prefix, "bin").iterdir():
        copy = folder / ".venv/bin" / path.name
        if path.is_symlink():
            copy.symlink_to(path.readlink())
        elif path.read_bytes()[:2] == b"#!":
            copy.write_text(path.read_text().replace(sys.prefix, str(folder / ".venv"), 1))
            copy.chmod(0o755)
    lock = sha256((folder / "requirements.lock").read_bytes()).hexdigest()
    (folder / f".venv/.lock-{lock[:16]}").touch()


def make(folder: Path, target: str) -> str:
    """`make TARGET`."""
    return call(folder, "make", target, f"PYTHON={sys.executable}")


def workflow(folder: Path, *arguments: str) -> str:
    """Snakemake in a checkout."""
    profile = ("--workflow-profile", "workflow/profiles/default", "--nolock", "--cores", "2")
    return call(folder, ".venv/bin/snakemake", *profile, *arguments, "--config", "experiment=smoke")


def jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs, as Snakemake lists them."""
    return {rule: int(number) for rule, number in JOB.findall(output) if rule not in ("total", "all")}


def changed_stages(folder: Path) -> dict[str, list]:
    """Stages that DVC would run, and why."""
    output = call(folder, ".venv/bin/dvc", "status", "--json")
    return json.JSONDecoder().raw_decode(output[output.index("{") :])[0]


def clone(source: Path, folder: Path) -> Path:
    """A clone with its own environment."""
    call(source, "git", "clone", "--quiet", str(source), str(folder))
    install(folder)
    return folder


def take(smoke: Path, folder: Path) -> None:
    """Take the results of ``smoke`` into a checkout, as if they had been made there."""
    for name in WRITTEN:
        copy = shutil.copytree if (smoke / name).is_dir() else shutil.copy2
        copy(smoke / name, folder / name, **({"dirs_exist_ok": True} if (smoke / name).is_dir() else {}))
    workflow(folder, "--touch", "--forceall")


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
    take(smoke, folder)
    make(folder, "reproduce")
    advice = make(folder, "publish")
    (files,) = re.findall(r"git add --force (.*)", advice)
    call(folder, "git", "add", "--force", *files.split())
    call(folder, "git", *IDENTITY, "commit", "--quiet", "--message", "Publish results")
    return folder
