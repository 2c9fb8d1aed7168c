"""The pages on adding something, followed to the letter: every file written, every line added, every command typed."""

import re
import shutil
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.documents.pages import steps
from tests.workflow.conftest import ROOT
from tests.workflow.published import IDENTITY, WRITTEN, call, workflow

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the files that git tracks, and `.venv` with the packages that run the tests."""
    if not (ROOT / ".git").exists():
        pytest.skip("git says which files belong to the repository")
    for name in call(ROOT, "git", "ls-files").split():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    call(tmp_path, "git", "init", "--quiet")
    call(tmp_path, "git", "add", "--all")
    call(tmp_path, "git", *IDENTITY, "commit", "--quiet", "--message", "As it is")
    # A folder of its own: whatever `make` did to it, the real one would stay.
    (tmp_path / ".venv").mkdir()
    for part in Path(sys.prefix).iterdir():
        (tmp_path / ".venv" / part.name).symlink_to(part)
    lock = sha256((tmp_path / "requirements.lock").read_bytes()).hexdigest()
    (tmp_path / f".venv/.lock-{lock[:16]}").touch()
    return tmp_path


@pytest.fixture
def with_smoke(checkout: Path, smoke: Path) -> Path:
    """The same after `make reproduce EXPERIMENT=smoke`."""
    for name in WRITTEN:
        if (smoke / name).is_dir():
            shutil.copytree(smoke / name, checkout / name, dirs_exist_ok=True)
        else:
            shutil.copy2(smoke / name, checkout / name)
    workflow(checkout, "--touch", "--forceall")
    return checkout


def follow(page: str, folder: Path) -> list[str]:
    """Do what a page says, block by block; what each block of commands printed.

    Raises:
        AssertionError: with the output, when a command fails.
    """
    printed = []
    for step in steps(page):
        if step.action != "type":
            step.carry_out(folder)
            continue
        printed.append(call(folder, "bash", "-euo", "pipefail", "-c", step.text))
    return printed


def messages(printed: str) -> list[str]:
    """The jobs that ran, as `make reproduce` names them."""
    return re.findall(r"^\[\d+/\d+\] (.*) \([^()]+\)$", printed, re.MULTILINE)


def passes_the_checks_of_style(folder: Path) -> None:
    """The first checks of `make test`."""
    call(folder, ".venv/bin/ruff", "check", ".")
    call(folder, ".venv/bin/ruff", "format", "--check", ".")
    call(folder, ".venv/bin/codespell")
    call(folder, ".venv/bin/lint-imports")


def test_a_method(with_smoke: Path) -> None:
    *_, printed = follow("adding-a-method.md", with_smoke)
    ran = messages(printed)
    assert sum(message.startswith("train smoothed-replay") for message in ran) == 2
    assert not any("icarl" in message for message in ran), "the other method's run is there already"
    passes_the_checks_of_style(with_smoke)


def test_a_figure(with_smoke: Path) -> None:
    before, after = follow("adding-a-figure.md", with_smoke)
    assert not messages(before)
    assert messages(after) == ["figure task-accuracy", "report", "log smoke to MLflow"]
    assert "classes of step" in (with_smoke / "reports/figures/task-accuracy.svg").read_text()
    passes_the_checks_of_style(with_smoke)


def test_a_dataset(checkout: Path) -> None:
    signs, _, looked, ran = follow("adding-a-dataset.md", checkout)
    assert "signs can be used" in signs and "crates can be used" in looked
    assert sum(message.startswith("train inemo-smoke") for message in messages(ran)) == 2
    assert (checkout / "reports/figures/contact-sheet-crates.svg").is_file()
    passes_the_checks_of_style(checkout)
