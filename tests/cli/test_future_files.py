"""Files made while a clock was ahead."""

import os
import time
from pathlib import Path

import pytest

from meshcil.cli.future_files import bring_to_present


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("results/runs/a/score.json", True),
        ("reports/index.html", True),
        ("data/prepared/a/train.parquet", True),
        ("data/raw/a/generate.record.json", True),
        ("data/raw/a/image.png", False),
        ("config/experiments/a.yaml", False),
    ],
)
def test_what_runs_made_takes_the_present_and_nothing_else(tmp_path: Path, name: str, made: bool) -> None:
    ahead, past = time.time() + 86400, time.time() - 86400
    path, old = tmp_path / name, tmp_path / "results/old"
    for file, moment in ((path, ahead), (old, past)):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        os.utime(file, (moment, moment))
    assert bring_to_present(tmp_path) == int(made)
    assert (path.stat().st_mtime < time.time() + 1) == made
    assert old.stat().st_mtime == pytest.approx(past)
    assert bring_to_present(tmp_path) == 0
