"""`make publish` asks that DVC keeps all that the report rests on; what else lies in the folder does not hinder it."""

import json
from pathlib import Path

import pytest

from meshcil.cli import publication
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import ANCHOR
from meshcil.lineage.versions import LOCK
from tests.lineage.test_record import job


def keep(*paths: str) -> None:
    """Write a dvc.lock with these outputs; JSON is YAML."""
    LOCK.write_text(json.dumps({"stages": {"all": {"outs": [{"path": path, "md5": "0"} for path in paths]}}}))


def test_only_what_the_report_rests_on_must_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(publication, "kept_experiments", lambda: "e")
    monkeypatch.setattr(publication, "_refuse_differences", lambda remedy: None)
    monkeypatch.setattr(publication, "_dvc", lambda command, remedy: None)
    monkeypatch.setattr(publication, "_kept_by_git", lambda: [])
    job("score", [], "results/run/scores.csv")
    job("score", [], "results/other/scores.csv")
    job("report", ["results/run/scores.csv"], "reports/index.html", key={"experiments": "e"})
    keep("reports/index.html", "results/run")
    assert publication.publish() == [LOCK.as_posix(), ANCHOR.as_posix()]
    keep("reports/index.html", "results/other")
    with pytest.raises(InputError, match=r"keeps no version of results/run/scores\.csv"):
        publication.publish()
