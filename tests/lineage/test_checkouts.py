"""In every way that git offers to keep a folder, its own commit is found."""

from pathlib import Path

import pytest

from meshcil.lineage.source import git as ask
from meshcil.lineage.source import git_refusal, is_checkout
from tests.lineage.test_record import git

ME = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for number in (1, 2):
        git(folder, *ME, "commit", "--quiet", "--allow-empty", "-m", str(number))
    return folder


def commit(folder: Path) -> str:
    return (ask(folder, "rev-parse", "HEAD") or b"").decode().strip()


@pytest.mark.parametrize("name", ["plain", "a b %41 #\u00fc\u6570 ", "x" * 200])
@pytest.mark.parametrize("kind", ["shallow", "worktree", "submodule", "detached"])
def test_its_commit_is_found(kind: str, name: str, origin: Path, tmp_path: Path) -> None:
    place = tmp_path / name
    if kind == "worktree":
        git(origin, *ME, "worktree", "add", "--quiet", "--detach", str(place))
    elif kind == "submodule":
        outer = tmp_path / "outer"
        outer.mkdir()
        git(outer, "init", "--quiet")
        git(outer, *ME, "submodule", "--quiet", "add", str(origin), "inner")
        place = outer / "inner"
    else:
        git(tmp_path, "clone", "--quiet", *(["--depth=1"] if kind == "shallow" else []), f"file://{origin}", str(place))
        if kind == "detached":
            git(place, "checkout", "--quiet", "--detach", "HEAD~1")
    assert is_checkout(place) and not git_refusal(place)
    assert commit(place) == commit(origin) or kind == "detached"
    assert len(commit(place)) == 40


def test_a_hook_of_another_repository_does_not_lend_its_commit(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(origin / ".git"))
    alone = tmp_path / "alone"
    alone.mkdir()
    assert not is_checkout(alone)
    assert is_checkout(origin)
