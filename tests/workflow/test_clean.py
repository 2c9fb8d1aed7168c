"""`make clean` deletes what can be made again here, and nothing that someone brought or waited hours for."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.cli.fabrication import write
from tests.workflow.conftest import ROOT

RENDERED = '{"parents": [{"path": "data/raw/rendered/generate.record.json"}]}'


def test_it_deletes_rendered_data_and_results_alone(tmp_path: Path) -> None:
    for name in ("Makefile", "dvc.yaml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    kept = {
        "data/raw/own/photo.jpg": "",
        "data/prepared/own/prepare.record.json": '{"parents": []}',
        "data/prepared/own/train.parquet": "",
        "data/prepared/unfinished/train.parquet": "",
        ".venv/bin/python": "",
    }
    made = {
        "data/raw/rendered/generate.record.json": "{}",
        "data/raw/rendered/picture.png": "",
        "data/prepared/rendered/prepare.record.json": RENDERED,
        "data/prepared/rendered/train.parquet": "",
        "results/runs/run.json": "",
        "logs/run.log": "",
        "reports/index.html": "",
        "mlflow.db": "",
    }
    write(tmp_path, kept | made)
    for _ in range(2):
        subprocess.run(["make", "clean", f"PYTHON={sys.executable}"], cwd=tmp_path, check=True)
        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {*kept, "Makefile", "dvc.yaml", "requirements.lock"}
