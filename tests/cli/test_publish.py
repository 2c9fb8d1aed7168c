"""`make publish` asks that DVC keeps all that the report rests on; what else lies in the folder does not hinder it."""

import json
import shutil
from pathlib import Path

import pytest

from meshcil.cli import publish, restore
from meshcil.core.artifacts import write_json_atomic
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import ANCHOR, FINAL
from meshcil.lineage.audit import check_files
from meshcil.lineage.reading import read_record
from meshcil.lineage.versions import LOCK
from meshcil.reporting import kept
from meshcil.stages import report
from tests.cli.fabrication import CONFIG
from tests.lineage.test_record import job


def keep(*paths: str) -> None:
    """Write a dvc.lock with these outputs; JSON is YAML."""
    LOCK.write_text(json.dumps({"stages": {"all": {"outs": [{"path": path, "md5": "0"} for path in paths]}}}))


def test_where_nothing_is_published_the_remote_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "dvc", lambda *arguments: pytest.fail("DVC must not be asked"))
    with pytest.raises(InputError) as refused:
        restore.restore()
    assert str(refused.value) == "dvc.lock: does not exist; this commit publishes no results. Run `make reproduce`"


@pytest.mark.parametrize(("said", "left"), [("Nothing to be done (all present)", "nothing"), ("train", "train")])
def test_results_that_were_copied_by_hand_are_audited_marked_and_counted(
    said: str, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(publish, "dvc", lambda *arguments: pytest.fail("DVC must not be asked"))
    monkeypatch.setattr(restore, "refuse_differences", lambda remedy: done.append(("audit",)))
    monkeypatch.setattr(restore, "_snakemake", lambda *words: done.append(words) or said)
    assert restore.restore("smoke,eli-smoke") == left
    chosen = "smoke,eli-smoke"
    assert done == [("audit",), (chosen, "--touch", "--forceall"), (chosen, "--dry-run", "--quiet", "rules")]


def test_copied_results_that_differ_are_not_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(restore, "_snakemake", lambda *words: pytest.fail("nothing may be marked"))
    with pytest.raises(InputError):
        restore.restore("smoke")


def test_exporting_what_the_report_shows_is_no_difference_to_it(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {"measured": "once", "date": "2031-05-04", "commits": [], "runs": {}, "tables": {}}
    files = {name: Path("docs/results") / name / "provenance.json" for name in ("smoke", "laptop")}
    for file in files.values():
        write_json_atomic(file, facts)
        shutil.copy("results/experiments/smoke.csv", file.with_name("scores.csv"))
    read: list[str] = []
    with monkeypatch.context() as patch:
        judge = kept.together
        patch.setattr(kept, "together", lambda c, found: judge(c, read.extend(k.name for k in found) or found))
        report.main(CONFIG, ["smoke"], FINAL.with_name("index.html"))
    assert read == ["laptop"]
    for name, expected in (("smoke", []), ("laptop", ["docs/results/laptop/provenance.json: has changed"])):
        write_json_atomic(files[name], facts | {"date": "2031-05-05"})
        found = check_files({FINAL: read_record(FINAL)})
        assert [finding.partition(" since")[0] for finding in found] == expected


def test_only_what_the_report_rests_on_must_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publish, "kept_experiments", lambda: "e")
    monkeypatch.setattr(publish, "refuse_differences", lambda remedy: None)
    monkeypatch.setattr(publish, "call_dvc", lambda command, remedy: None)
    monkeypatch.setattr(publish, "_kept_by_git", lambda: [])
    job("score", [], "results/run/scores.csv")
    job("score", [], "results/other/scores.csv")
    job("report", ["results/run/scores.csv"], "reports/index.html", key={"experiments": "e"})
    keep("reports/index.html", "results/run")
    assert publish.publish() == [LOCK.as_posix(), ANCHOR.as_posix()]
    keep("reports/index.html", "results/other")
    with pytest.raises(InputError, match=r"keeps no version of results/run/scores\.csv"):
        publish.publish()
