"""The audit names what was altered."""

from pathlib import Path

import pytest

from meshcil.core import code_digest
from meshcil.lineage.audit import check_files, find_records
from meshcil.lineage.code import templates
from meshcil.lineage.record import record_job
from tests.lineage.test_record import job


def audit() -> list[str]:
    """What the audit finds in records and files behind the report."""
    found = find_records()
    return [*found.damaged, *check_files(found.behind)]


@pytest.fixture(autouse=True)
def _chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs, the second reading what the first wrote."""
    monkeypatch.chdir(tmp_path)
    job("score", [], "results/run/scores.csv")
    job("collect", ["results/run/scores.csv"], "results/experiments/e.csv", name="e")


def test_untouched_files_pass() -> None:
    assert audit() == []


@pytest.mark.parametrize("path", ["results/run/scores.csv", "results/experiments/e.csv"])
def test_an_altered_file_is_named(path: str) -> None:
    Path(path).write_text("other")
    findings = audit()
    assert findings and all(finding.startswith(f"{path}: has changed") for finding in findings)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout beside the working folder, from which a job read settings and a template."""
    root = tmp_path / "checkout"
    monkeypatch.setattr(code_digest, "_source_root", lambda: root / "src")
    files = [root / "config/experiments/e.yaml", root / "src/meshcil/reporting/templates/page.html"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text("as it was")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with record_job(
        "report", inputs=[files[0], templates()], outputs=[Path("reports/index.html")], settings={}, modules=(), key={}
    ):
        Path("reports").mkdir(exist_ok=True)
        Path("reports/index.html").touch()
    return root


def test_of_the_checkouts_files_the_bytes_count_but_in_settings(repository: Path) -> None:
    assert audit() == []
    (repository / "config/experiments/e.yaml").write_text("# A remark.")
    assert audit() == []
    (repository / "src/meshcil/reporting/templates/page.html").write_text("<p>")
    expected = "src/meshcil/reporting/templates: has changed since reports/report.record.json was written"
    assert audit() == [expected]


def test_a_deleted_file_is_named() -> None:
    Path("results/run/scores.csv").unlink()
    assert all("results/run/scores.csv: unreadable: does not exist" in finding for finding in audit())


def test_an_altered_record_is_caught_by_its_consumer() -> None:
    record = Path("results/run/score.record.json")
    record.write_text(record.read_text().replace('"depth": 2', '"depth": 3'))
    assert audit() == [
        "results/run/score.record.json: `settings.sha256` is not the digest of `settings.values`",
        "results/run/score.record.json: is not the record that results/experiments/collect-e.record.json was made from",
    ]


def test_an_altered_time_is_caught_by_the_consumer() -> None:
    record = Path("results/run/score.record.json")
    record.write_text(record.read_text().replace('"pipeline": null', '"pipeline": "other"'))
    assert audit() == [
        "results/run/score.record.json: is not the record that results/experiments/collect-e.record.json was made from"
    ]


def test_a_deleted_record_is_named() -> None:
    Path("results/run/score.record.json").unlink()
    assert audit() == [
        "results/run/score.record.json: is missing, and results/experiments/collect-e.record.json was made from it"
    ]


def test_a_record_in_another_place_is_named() -> None:
    Path("results/run/score.record.json").rename("results/score.record.json")
    assert "results/score.record.json: is the record that belongs to results/run/score.record.json" in audit()


def test_a_record_of_tracking_an_earlier_report_is_no_finding() -> None:
    first, second = {"experiments": "e"}, {"experiments": "f"}
    job("report", ["results/experiments/e.csv"], "reports/index.html", key=first)
    job("track", ["reports/report.record.json"], "results/tracking/e.json", name="e", key={"experiment": "e"})
    job("report", ["results/experiments/e.csv"], "reports/index.html", "other", key=second)
    assert audit() == []
    job("report", ["results/experiments/e.csv"], "reports/index.html", "other", key=first)
    assert any("track-e.record.json" in finding for finding in audit())


def test_only_what_the_report_rests_on_is_held_against_it() -> None:
    job("score", [], "results/other/scores.csv")
    Path("results/other/scores.csv").write_text("altered")
    assert [finding.split(":")[0] for finding in audit()] == ["results/other/scores.csv"]
    job("report", ["results/experiments/e.csv"], "reports/index.html", key={"experiments": "e"})
    assert audit() == []
    Path("results/other/score.record.json").write_text("{")
    assert audit() == []
    Path("results/run/score.record.json").write_text("{")
    assert {finding.split(":")[0] for finding in audit()} == {"results/run/score.record.json"}


def test_a_damaged_record_is_named() -> None:
    Path("results/experiments/collect-e.record.json").write_text("{")
    assert [finding.split(":")[0] for finding in audit()] == ["results/experiments/collect-e.record.json"]


def test_nothing_to_audit_is_no_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert audit() == ["no record was found: nothing has been run in this folder"]
