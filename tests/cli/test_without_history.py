"""Without git, or with uncommitted changes, everything works, and records and audit say what is weaker."""

import shutil
from pathlib import Path

import pytest

from meshcil.cli.application import app
from meshcil.cli.audit import inspect
from meshcil.lineage.reading import read_record
from meshcil.lineage.schema import SourceFacts
from meshcil.lineage.stages import planned_jobs
from meshcil.stages.command import run
from meshcil.stages.plan import load_plan
from tests.cli.fabrication import CONFIG, fabricate_job

pytestmark = pytest.mark.usefixtures("locked_packages")

OUT = Path("results/tracking/smoke.json")
RECORD = OUT.with_name("track-smoke.record.json")


def run_again() -> SourceFacts:
    """Run the last job once more; what it records of the source."""
    fabricate_job(planned_jobs(load_plan(["smoke"], CONFIG))[RECORD])
    return read_record(RECORD).source


def traced(capsys: pytest.CaptureFixture[str]) -> str:
    """What `meshcil trace` prints of the last job."""
    with pytest.raises(SystemExit) as stop:
        run(app, ["trace", str(OUT)])
    assert stop.value.code == 0
    return capsys.readouterr().out


def test_a_tarball(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(".git")
    source = run_again()
    assert source.commit is None and source.dirty is None and source.diff_sha256 is None
    assert f"commit no git; source {source.tree_sha256}" in traced(capsys)
    found = inspect()
    assert found.findings == ()
    assert "1 jobs ran without git: only digests of the source vouch for their code" in found.notes
    assert any(note.startswith("there is no git here: ") for note in found.notes)


def test_uncommitted_changes(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracked = Path(".gitignore")
    tracked.write_text(tracked.read_text() + "# A remark.\n")
    source = run_again()
    assert source.commit and source.dirty and source.diff_sha256 and source.tree_sha256 is None
    assert f"with uncommitted changes (diff {source.diff_sha256[:12]})" in traced(capsys)
    found = inspect()
    assert found.findings == ()
    assert f"1 jobs ran with changes that are not in commit {source.commit[:12]}" in found.notes


def test_the_words_of_git_are_shown(checkout: Path) -> None:
    Path(".git/HEAD").write_text("nonsense")
    found = inspect()
    (note,) = [note for note in found.notes if note.startswith("git does not answer")]
    assert "not a git repository" in note and "do what it says" in note
