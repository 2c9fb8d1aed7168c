"""What the pages on adding something say does what they say; `tests/workflow/test_pages.py` types their commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.pages import ROOT, write_files

TRAIN_A_STEP = """
import torch
from meshcil.core.naming import available
from meshcil.stages.plan import load_plan
from meshcil.training.selection import TrainingData
from meshcil.training.trainer import train_step
from tests.methods.factory import CONFIG, build, pool

assert "smoothed-replay" in available("meshcil.methods")
assert len(load_plan(["smoothed"], CONFIG).runs) == 2
method = build("smoothed-replay", lr=5e-3)
assert method.settings.smoothing == 0.1
data = pool([0, 1] * 8)
method.begin_step(0)
before = [p.detach().clone() for p in method.network.parameters()]
rows = train_step(method, TrainingData(data, torch.zeros(16, dtype=torch.bool)), CONFIG.parent / "checkpoint")
assert [row["epoch"] for row in rows] == list(range(len(rows))) and len(rows) > 0
assert all(0 < row["classification"] < 5 for row in rows)
assert any(not torch.equal(a, b) for a, b in zip(before, method.network.parameters(), strict=True))
assert method.predict(next(data.batches(16, method.device))).scores.shape == (16, 2)
"""

DRAW = """
import pandas as pd
from pathlib import Path
from meshcil.config.experiment import Artifact
from meshcil.reporting.scores import COLUMNS, keep
from meshcil.reporting.style import draw_figure
from tests.reporting.conftest import run_rows
import sys, yaml

entry = yaml.safe_load(Path(sys.argv[1]).read_text())["figures"][-1]
artifact = Artifact(**entry)
assert artifact.name == "task-accuracy"
scores = pd.DataFrame([*run_rows("inemo", "total-16", 0), *run_rows("icarl", "total-24", 0)], columns=COLUMNS)
svg = draw_figure(artifact, keep(scores, artifact.select, "figure")).svg.decode()
assert "classes of step" in svg and "iNeMo" in svg
assert "iCaRL" not in svg, "its budget is not selected"
assert "not measured" in draw_figure(artifact, keep(scores[:0], {}, "figure")).svg.decode()
assert "torch" not in sys.modules
"""

LOAD = """
import runpy
from pathlib import Path
from meshcil.datasets.prepared import load_cuboids, load_info, load_split
from meshcil.stages.plan import load_plan
from meshcil.stages.prepare import main

runpy.run_path("write_crates.py")
main(Path("config/datasets/crates.yaml"), Path("data/prepared/crates"))
folder = Path("data/prepared/crates")
assert load_info(folder).counts == {"train": 24, "clean": 12}
split = load_split(folder / "clean.parquet")
assert split.images().shape == (12, 3, 64, 64)
# The object is around the principal point, the middle of the prepared image: brown crates, blue posts.
centres = split.images()[:, :, 32, 32].int()
warm = [name == "crate" for name in split.class_names]
assert [bool(c[0] > c[2]) for c in centres] == warm
sizes = load_cuboids(folder)["crate"].diff(dim=1)[:, 0].tolist()
assert all(abs(a - b) < 1e-5 for a, b in zip(sizes, (1.0, 0.7, 0.5)))
assert len(load_plan(["crates"], Path("config")).runs) == 1

runpy.run_path("write_signs.py")
main(Path("config/datasets/signs.yaml"), Path("data/prepared/signs"))
signs = load_split(Path("data/prepared/signs/train.parquet"))
assert signs.class_names == ("stop",) * 8 + ("go",) * 8
middle = signs.images()[:, :, 16, 16].int()
assert [bool(c[0] > c[1]) for c in middle] == [True] * 8 + [False] * 8
"""


PAGES = sorted(path.name for path in (ROOT / "docs").glob("adding-a*.md"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Source, configuration and tests in a folder of their own."""
    for name in ("src", "config", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "data").mkdir()
    for name in ("requirements.lock", "data/versions.csv"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error::UserWarning", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_method(copy: Path) -> None:
    assert len(write_files("adding-a-method.md", copy)) == 4
    run(copy, "-c", TRAIN_A_STEP)


def test_a_figure(copy: Path) -> None:
    *modules, experiment = write_files("adding-a-figure.md", copy)
    assert [path.parent.name for path in modules] == ["figures"] * 2
    run(copy, "-c", DRAW, str(experiment))


def test_a_dataset(copy: Path) -> None:
    names = [path.name for path in write_files("adding-a-dataset.md", copy)]
    signs = ["write_signs.py", "signs.yaml", "versions.csv"]
    assert names == [*signs, "write_crates.py", "crates.yaml", "versions.csv", "1-1.yaml", "crates.yaml"]
    run(copy, "-c", LOAD)


def test_what_the_pages_add_passes_the_checks_of_style(copy: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", copy)
    shutil.copytree(ROOT / "workflow", copy / "workflow")
    files = {str(path) for page in PAGES for path in write_files(page, copy)}
    modules = [name for name in files if name.endswith(".py")]
    run(copy, "-m", "ruff", "check", *modules)
    run(copy, "-m", "ruff", "format", "--check", *modules)
    run(copy, "-m", "codespell_lib", *files)
    run(copy, "-c", "from importlinter.cli import lint_imports_command as command; command()")
