"""What a trace shows of a job."""

from pathlib import Path

import pytest

from meshcil.lineage.reading import read_record
from meshcil.lineage.record import record_job
from meshcil.lineage.trace import shown_settings


def test_only_settings_that_a_job_has_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"image_size": [32, 48], "focal": None, "root": "raw"}
    with record_job("prepare", inputs=[], outputs=[Path("dataset.json")], settings=settings, modules=(), key={}):
        Path("dataset.json").touch()
    assert shown_settings(read_record(Path("prepare.record.json"))) == {"image_size": "32, 48", "focal": "None"}
