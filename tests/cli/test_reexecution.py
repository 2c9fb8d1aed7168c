"""A job that is run again by the command line in its record writes the same bytes, or is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from meshcil.cli import reexecution
from meshcil.cli.reexecution import check_sample
from meshcil.lineage.reading import read_record
from meshcil.lineage.schema import Record
from tests.cli.test_audit import RUN


def scored(checkout: Path) -> tuple[Path, Record]:
    """The record of a scoring that ran as a command."""
    files = [sorted(map(str, RUN.glob(f"step*/{name}"))) for name in ("predictions-*.parquet", "ledger.csv")]
    options = ["--run", str(RUN / "run.json"), "--predictions", *files[0], "--ledgers", *files[1]]
    command = [sys.executable, "-m", "meshcil.stages.score", *options, "--out", str(RUN / "scores.csv")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(checkout / "src")})
    path = RUN / "score.record.json"
    return path, read_record(path)


def test_equal_bytes_pass_and_others_are_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reexecution, "STAGE", "score")
    monkeypatch.setenv("PYTHONPATH", str(checkout / "src"))
    path, record = scored(checkout)
    before = (RUN / "scores.csv").read_bytes()
    assert check_sample({path: record}, 0) == ([], [])
    assert check_sample({path: record}, 5) == ([], [f"{path}: trained again, with the same bytes"])
    assert (RUN / "scores.csv").read_bytes() == before
    entry = record.outputs[0].model_copy(update={"sha256": "0" * 64})
    findings, _ = check_sample({path: record.model_copy(update={"outputs": (entry,)})}, 1)
    assert findings == [f"{RUN}/scores.csv: is not what the job writes when it runs again"]
    (RUN / "run.json").write_text("{")
    findings, _ = check_sample({path: record}, 1)
    assert findings[0].startswith(f"{RUN}/scores.csv: cannot be made again (")
