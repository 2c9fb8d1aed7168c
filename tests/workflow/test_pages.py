"""The pages on adding something, followed to the letter: every file written, every line added, every command typed."""

import re
import shutil
from pathlib import Path

import pytest

from tests.documents.pages import steps
from tests.workflow.conftest import ROOT
from tests.workflow.published import IDENTITY, call, install, take

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def with_smoke(smoke: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the files that git tracks after `make reproduce EXPERIMENT=smoke`; all pages are followed in it."""
    if not (ROOT / ".git").exists():
        pytest.skip("git says which files belong to the repository")
    folder = tmp_path_factory.mktemp("checkout")
    for name in call(ROOT, "git", "ls-files").split():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    call(folder, "git", "init", "--quiet")
    call(folder, "git", "add", "--all")
    call(folder, "git", *IDENTITY, "commit", "--quiet", "--message", "As it is")
    install(folder)
    take(smoke, folder)
    return folder


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


# The first one: another experiment would have its own report in the place of the one that this one finds.
def test_a_figure(with_smoke: Path) -> None:
    before, after = follow("adding-a-figure.md", with_smoke)
    assert not messages(before)
    assert messages(after) == ["figure task-accuracy", "report", "log smoke to MLflow"]
    assert "classes of step" in (with_smoke / "reports/figures/task-accuracy.svg").read_text()


def test_a_method(with_smoke: Path) -> None:
    *_, printed = follow("adding-a-method.md", with_smoke)
    ran = messages(printed)
    assert sum(message.startswith("train smoothed-replay") for message in ran) == 2
    assert not any("icarl" in message for message in ran), "the other method's run is there already"


def test_a_dataset(with_smoke: Path) -> None:
    signs, _, looked, ran = follow("adding-a-dataset.md", with_smoke)
    assert "signs can be used" in signs and "crates can be used" in looked
    assert sum(message.startswith("train inemo-smoke") for message in messages(ran)) == 2
    assert (with_smoke / "reports/figures/contact-sheet-crates.svg").is_file()
