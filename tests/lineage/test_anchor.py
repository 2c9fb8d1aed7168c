"""The anchor: the digest of the report's record."""

import subprocess
from pathlib import Path

import pytest

from meshcil.core.errors import InputError
from meshcil.lineage import anchor
from meshcil.lineage.anchor import ANCHOR, FINAL, anchor_text, check_anchor, unreached
from meshcil.lineage.reading import read_records
from tests.lineage.test_record import git, job


@pytest.fixture(autouse=True)
def _report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    job("score", [], "results/run/scores.csv")
    job("report", ["results/run/scores.csv"], "reports/index.html")
    ANCHOR.write_text(anchor_text(FINAL))


def test_an_untouched_report_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anchor, "repository_root", lambda: tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", str(ANCHOR))
    git(tmp_path, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "first")
    for against in (None, anchor.anchor(), str(ANCHOR), str(FINAL), "HEAD"):
        assert check_anchor(against) == ([], [])


def test_sha256sum_reads_it() -> None:
    subprocess.run(["sha256sum", "--check", "--quiet", "ANCHOR"], cwd="reports", check=True)


def test_another_record_is_a_finding() -> None:
    before = anchor.anchor()
    FINAL.write_text(FINAL.read_text().replace('"pipeline": null', '"pipeline": "other"'))
    assert check_anchor(None)[0] == [f"{FINAL}: is not the record that {ANCHOR} names"]
    ANCHOR.write_text(anchor_text(FINAL))
    assert check_anchor(None)[0] == []
    assert check_anchor(before)[0] == [f"{FINAL}: is not the record that {before} names"]


@pytest.mark.parametrize("path", [ANCHOR, FINAL])
def test_what_is_missing_is_named(path: Path) -> None:
    path.unlink()
    assert check_anchor(None)[0] == [f"{path}: is missing"]


def test_before_the_report_there_is_nothing_to_compare() -> None:
    FINAL.unlink()
    ANCHOR.unlink()
    assert check_anchor(None) == ([], ["there is no report yet"])


def test_an_anchor_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="nowhere: is no digest, no file, and no revision"):
        check_anchor("nowhere")


def test_records_that_do_not_lead_to_the_report() -> None:
    job("score", [], "results/other/scores.csv")
    assert unreached(read_records()[0]) == [Path("results/other/score.record.json")]
