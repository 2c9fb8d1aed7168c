"""One's own raw files: nothing renders them, so that the workflow has only their times to go by."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from meshcil.stages.prepare import main
from tests.datasets import archives
from tests.workflow.conftest import ROOT, snakemake_command

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

DATASET = {
    "description": "Own.",
    "root": "raw",
    "layout": "class-folders",
    "classes": ["n01", "n02"],
    "image_size": [32, 32],
    "test_sets": {"clean": {"layout": "class-folders"}},
    "suites": {"clean": ["clean"]},
}
RUNS = {"datasets": ["own"], "protocols": ["both"], "methods": ["finetune"], "budgets": ["none"]}
CONFIGURATION = {
    "datasets/own": DATASET,
    "protocols/both": {"description": "Both.", "base": 2, "increment": 2},
    "experiments/own": {"title": "Own", "description": "Own.", "cost": "none", "runs": [RUNS]},
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a dataset that was prepared by `meshcil data prepare`, of which Snakemake knows nothing."""
    shutil.copy(ROOT / "Snakefile", tmp_path)
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    for part in ("methods", "recipes"):
        shutil.copytree(ROOT / "config" / part, tmp_path / "config" / part)
    for name, content in CONFIGURATION.items():
        file = tmp_path / "config" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(yaml.safe_dump(content))
    archives.class_folders(tmp_path / "raw")
    monkeypatch.chdir(tmp_path)
    main(Path("config/datasets/own.yaml"), Path("data/prepared/own"))
    return tmp_path


def planned(place: Path) -> str:
    """What the workflow would do for the prepared data."""
    command = snakemake_command(place, "data/prepared/own/dataset.json", "--dry-run", "--config", "experiment=own")
    command[command.index("--snakefile") + 1] = str(place / "Snakefile")
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_edited_file_is_prepared_again_however_deep_it_lies(place: Path) -> None:
    assert "Nothing to be done" in planned(place)
    image = place / "raw/train/n01/n01_0.JPEG"
    image.write_bytes(image.read_bytes() + b"more")
    assert "prepare own" in planned(place)
