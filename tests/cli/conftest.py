"""A checkout with a finished, made-up run, made once and copied for each test that spoils it."""

import re
import shutil
from pathlib import Path

import pytest

from meshcil.cli import audit, verify
from meshcil.core import code_digest
from meshcil.lineage import installed
from meshcil.stages import figure, report
from tests.cli.fabrication import fabricate
from tests.lineage.test_record import git

ROOT = Path(__file__).resolve().parents[2]


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let ``folder`` be the working folder and the checkout that the package is run from."""
    monkeypatch.setattr(code_digest, "_source_root", lambda: folder / "src")
    monkeypatch.chdir(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkout at a commit, with all files of the smoke experiment."""
    folder = tmp_path_factory.mktemp("finished") / "checkout"
    for name in ("src", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    with pytest.MonkeyPatch.context() as monkeypatch:
        stand_in(monkeypatch, folder)
        fabricate()
    return folder


@pytest.fixture
def checkout(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to be spoiled, which is the working folder."""
    folder = Path(shutil.copytree(finished, tmp_path / "checkout", symlinks=True))
    stand_in(monkeypatch, folder)
    return folder


DRAWN = ("a figure", "the page", "run times", "untouched")
"""Of the tests of the audit those that need figures and the page made again, which takes longest."""


@pytest.fixture
def locked_packages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages as locked, whatever is installed where the tests run."""
    if not any(name in request.node.name for name in DRAWN):
        for stage in (figure, report):
            monkeypatch.setattr(stage, "recompute", lambda record: [])
    pins = re.findall(r"^(\S+?)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    found = {re.sub(r"[-_.]+", "-", name): version for name, version in pins}
    monkeypatch.setattr(installed, "installed", lambda: found)
    for module in (audit, verify):
        monkeypatch.setattr(module, "check_installed", lambda: [])
