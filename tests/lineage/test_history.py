"""The code in records is compared with the checkout, the commit and the lock."""

import shutil
from pathlib import Path

import pytest

from meshcil.core.code_digest import source_file
from meshcil.core.hashing import sha256_file
from meshcil.lineage import history, installed
from meshcil.lineage.history import check_code, check_commits
from meshcil.lineage.installed import check_environment, check_lock
from meshcil.lineage.schema import Record
from tests.lineage.test_record import git, job

PATH = Path("run/score.record.json")
MODULE = "meshcil.stages.command"


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.chdir(tmp_path)
    return Record.model_validate(job("score", [], "run/scores.csv"))


@pytest.fixture
def copied(record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the modules of the record, which stands for the one the package is run from."""
    root = tmp_path / "checkout"
    for module in record.code.modules:
        place = root / "src" / Path(*module.split(".")).with_suffix(".py")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(source_file(module).read_bytes())
    (root / "requirements.lock").write_text("pydantic==1.0\n")
    monkeypatch.setattr(history, "repository_root", lambda: root)
    monkeypatch.setattr(history, "source_file", lambda m: (root / "src" / Path(*m.split("."))).with_suffix(".py"))
    monkeypatch.setattr(installed, "repository_root", lambda: root)
    return root


def at_commit(record: Record, root: Path, dirty: bool = False) -> dict[Path, Record]:
    """The record as if made from a commit of ``root``."""
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    head = (root / ".git/refs/heads").iterdir()
    source = record.source.model_copy(update={"commit": next(head).read_text().strip(), "dirty": dirty})
    return {PATH: record.model_copy(update={"source": source})}


def test_untouched_code_passes(record: Record, copied: Path) -> None:
    assert check_code({PATH: record}) == []
    assert check_commits(at_commit(record, copied)) == ([], [])


def test_comments_and_docstrings_do_not_count(record: Record, copied: Path) -> None:
    file = copied / "src/meshcil/stages/command.py"
    file.write_text("# A remark.\n" + file.read_text())
    assert check_code({PATH: record}) == []


@pytest.mark.parametrize(
    ("text", "cause"), [("A = 1\n", "has changed"), (None, "is missing"), ("def (\n", "is missing or is not Python")]
)
def test_an_altered_module_is_named(record: Record, copied: Path, text: str | None, cause: str) -> None:
    file = copied / "src/meshcil/stages/command.py"
    file.unlink() if text is None else file.write_text(text)
    assert check_code({PATH: record}) == [f"src/meshcil/stages/command.py: {cause} since {PATH} was written"]


def test_a_commit_with_other_code_is_named(record: Record, copied: Path) -> None:
    (copied / "src/meshcil/stages/command.py").write_text("A = 1\n")
    (copied / "src/meshcil/core/errors.py").unlink()
    findings, _ = check_commits(at_commit(record, copied))
    assert sorted(finding.split(":")[0] for finding in findings) == [
        "src/meshcil/core/errors.py",
        "src/meshcil/stages/command.py",
    ]


def test_an_unknown_commit_is_named(record: Record, copied: Path) -> None:
    git(copied, "init", "--quiet")
    source = record.source.model_copy(update={"commit": "0" * 40, "dirty": False})
    findings, _ = check_commits({PATH: record.model_copy(update={"source": source})})
    assert findings == [f"commit {'0' * 40}: is not in this repository, and {PATH} was made from it"]


def test_what_cannot_be_known_is_a_note(record: Record, copied: Path) -> None:
    (copied / "src/meshcil/stages/command.py").write_text("A = 1\n")
    findings, notes = check_commits(at_commit(record, copied, dirty=True))
    assert findings == [] and "changes that are not in commit" in notes[0]
    source = record.source.model_copy(update={"commit": None})
    findings, notes = check_commits({PATH: record.model_copy(update={"source": source})})
    assert findings == [] and "without git" in notes[0]


def test_where_git_is_gone_commits_are_not_compared(record: Record, copied: Path) -> None:
    records = at_commit(record, copied)
    shutil.rmtree(copied / ".git")
    findings, notes = check_commits(records)
    assert findings == [] and notes[0].startswith("there is no git here: 1 jobs are not compared")


def test_code_of_another_python_is_compared_byte_by_byte_then_with_its_commit(record: Record, copied: Path) -> None:
    environment = record.environment.model_copy(update={"python": "3.1.4"})
    code = record.code.model_copy(update={"modules": dict.fromkeys(record.code.modules, "0" * 16)})
    record = record.model_copy(update={"environment": environment, "code": code})
    committed = at_commit(record, copied)
    file = copied / "src/meshcil/stages/command.py"
    text = file.read_text()
    for records in ({PATH: record}, committed):
        assert check_code(records) == []
    assert check_commits(committed) == ([], [])
    file.write_text("# A remark.\n" + text)
    assert check_code(committed) == []
    assert check_code(at_commit_but_dirty(committed))[0].startswith("src: holds other files than")
    file.write_text(text + "ALTERED = 1\n")
    (finding,) = check_code(committed)
    assert finding.startswith("src/meshcil/stages/command.py: has changed since") and "another version" in finding


def at_commit_but_dirty(records: dict[Path, Record]) -> dict[Path, Record]:
    """The same, made with uncommitted changes."""
    (record,) = records.values()
    return {PATH: record.model_copy(update={"source": record.source.model_copy(update={"dirty": True})})}


def test_the_lock_and_the_installed_packages(record: Record, copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = copied / "requirements.lock"
    source = record.source.model_copy(update={"lock_sha256": sha256_file(lock)})
    records = {PATH: record.model_copy(update={"source": source})}
    monkeypatch.setattr(installed, "installed", lambda: {"pydantic": "1.0+cpu"})
    assert check_lock(records) == [] == check_environment(records)
    lock.write_text("pydantic==1.1\nNo_such.thing==2.0\n")
    changed, version, absent = check_lock(records)
    assert changed.startswith("requirements.lock: has changed since")
    assert "locks pydantic 1.1, installed is 1.0+cpu" in version and "No_such.thing 2.0, installed is none" in absent
    monkeypatch.setattr(installed, "packages_digest", lambda: "0" * 64)
    assert "1 jobs ran with another set" in check_environment(records)[0]


def test_the_packages_of_this_environment_are_found() -> None:
    found = installed.installed()
    assert {"pydantic", "typing-extensions", "pyyaml"} <= set(found) and found["pydantic"][0].isdigit()
