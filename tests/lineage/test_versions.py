"""Where git keeps what DVC compares byte by byte, an edit or a new file is a note, and its own digests decide."""

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from meshcil.lineage import versions
from meshcil.lineage.schema import Record
from tests.lineage.test_record import git, job

KEPT = Path("docs/results/first/scores.csv")


@pytest.fixture(autouse=True)
def _checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout as the working folder, in which DVC finds another state of the kept results than in its lock."""
    monkeypatch.chdir(tmp_path)
    KEPT.parent.mkdir(parents=True)
    for path in (KEPT, versions.LOCK):
        path.write_text("{}")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    status = json.dumps({"report": [{"changed deps": {"docs/results": "modified"}}]})
    monkeypatch.setattr(versions, "dvc", lambda *_arguments: CompletedProcess([], 0, status, ""))


@pytest.fixture
def records() -> dict[Path, Record]:
    """A job that ran from the commit."""
    record = Record.model_validate(job("score", [], "results/scores.csv"))
    return {Path("r"): record.model_copy(update={"source": record.source.model_copy(update={"commit": "HEAD"})})}


SENTENCE = "docs/results: is modified by dvc.lock (dep of stage report)"


def test_what_git_has_as_it_was_is_a_finding(records: dict[Path, Record]) -> None:
    assert versions.check_dvc(records) == ([SENTENCE], [])


@pytest.mark.parametrize("path", [KEPT, KEPT.parents[1] / "second/scores.csv"], ids=["edited", "new"])
def test_results_that_were_kept_since_are_a_note(path: Path, records: dict[Path, Record]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("more")
    assert versions.check_dvc(records) == ([], [SENTENCE])


@pytest.mark.parametrize("md5", ["../../../etc/passwd", "0/../..", 7])
def test_a_digest_that_is_none_leads_nowhere(md5: object) -> None:
    outs = [{"path": "kept", "md5": "a" * 32}, {"path": "results", "md5": md5}]
    versions.LOCK.write_text(json.dumps({"stages": {"s": {"outs": outs}}}))
    assert "results" not in versions.dvc_versions()
