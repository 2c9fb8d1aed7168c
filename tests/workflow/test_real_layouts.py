"""Every layout from raw files to scores in one run of the workflow: check, prepare, one training step, evaluation."""

import csv
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from meshcil.cli.application import app
from meshcil.core.hashing import sha256_tree
from meshcil.datasets.prepared import load_info
from tests.datasets import archives
from tests.workflow.conftest import ROOT, snakemake_command

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]

POSED = {"focal": 200.0, "image_size": [64, 64], "cuboid_coverage": 1.0}
FLAT = {"image_size": [32, 32]}
TRAINING = {"first_epochs": 1, "epochs": 1, "batch_size": 4, "lr": 1.0e-3}


def write_pascal3d(root: Path) -> None:
    archives.pascal3d(root / "pascal3d")
    archives.occluded(root / "occluded-pascal3d")
    archives.ood_cv(root / "ood-cv")
    archives.dtd(root / "dtd")


DATASETS: dict[str, tuple[Callable[[Path], object], dict]] = {
    "pascal3d": (
        write_pascal3d,
        POSED
        | {
            "layout": "pascal3d",
            "classes": ["boat", "bus"],
            "textures": "raw/pascal3d/dtd",
            "encoding": "jpeg",
            "test_sets": {
                "clean": {"layout": "pascal3d"},
                "L2": {"layout": "occluded-pascal3d", "level": 2},
                "pose": {"layout": "ood-cv", "nuisance": "pose"},
            },
        },
    ),
    "objectnet3d": (
        archives.objectnet3d,
        POSED | {"layout": "objectnet3d", "classes": ["boat", "bus"], "unusable": "skip"},
    ),
    "folder": (archives.folder, POSED | {"layout": "folder", "classes": ["crâne", "bus"]}),
    "cifar100": (archives.cifar100, FLAT | {"layout": "cifar100", "classes": ["apple", "bear"]}),
    "mnist": (archives.mnist, {"layout": "mnist", "classes": ["zero", "one"], "image_size": [28, 28]}),
    "imagenet100": (
        archives.class_folders,
        FLAT | {"layout": "class-folders", "classes": ["n01", "n02"], "crop": 0.875},
    ),
    "voc2007": (archives.voc2007, FLAT | {"layout": "voc2007", "classes": ["boat", "bus"], "encoding": "jpeg"}),
}


def write_yaml(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with its own configuration, and raw files of every layout."""
    folder = tmp_path_factory.mktemp("layouts")
    shutil.copy(ROOT / "Snakefile", folder)
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    for part in ("methods", "recipes"):
        shutil.copytree(ROOT / "config" / part, folder / "config" / part)
    for name, (write, settings) in DATASETS.items():
        write(folder / "raw" / name)
        sets = settings.get("test_sets", {"clean": {"layout": settings["layout"]}})
        names = {"description": "Tiny.", "root": f"raw/{name}", "test_sets": sets}
        write_yaml(
            folder / f"config/datasets/{name}.yaml",
            settings | names | {"suites": {"clean": ["clean"], "all": list(sets)}},
        )
    write_yaml(folder / "config/protocols/two.yaml", {"description": "Both.", "base": 2, "increment": 2})
    for kind, variant, changes in (("finetune", [], {"backbone": {"width": 4}}), ("inemo", ["smoke"], {})):
        file = folder / f"config/methods/{kind}.yaml"
        content = yaml.safe_load(file.read_text())
        block = content["variants"][variant[0]] if variant else content
        block.setdefault("variants", {})["tiny"] = changes | {"training": TRAINING}
        write_yaml(file, content)
    flat = [name for name, (_, settings) in DATASETS.items() if "focal" not in settings]
    blocks = [
        {"datasets": ["pascal3d", "folder"], "methods": ["inemo-smoke-tiny"], "budgets": ["total-4"], "suite": "all"},
        {"datasets": ["objectnet3d", *flat], "methods": ["finetune-tiny"], "budgets": ["none"], "suite": "all"},
    ]
    runs = [block | {"protocols": ["two"]} for block in blocks]
    experiment = {"title": "Layouts", "description": "All.", "cost": "a minute", "runs": runs}
    write_yaml(folder / "config/experiments/layouts.yaml", experiment)
    return folder


@pytest.mark.parametrize("name", DATASETS)
def test_every_layout_passes_the_check(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    done = CliRunner().invoke(app, ["data", "check", name, "--workers", "1"])
    assert done.exit_code == 0, done.output
    assert f"{name} can be used" in done.output


def test_every_layout_goes_from_raw_files_to_scores(place: Path) -> None:
    before = sha256_tree(place / "raw")
    # A dozen images each: starting further processes for them takes longer than preparing them.
    command = snakemake_command(place, "runs", "--set-threads", "prepare=1", "--config", "experiment=layouts")
    command[command.index("--snakefile") + 1] = str(place / "Snakefile")
    command[command.index("--workflow-profile") + 1] = str(place / "workflow/profiles/default")
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr + logs(place)
    assert sha256_tree(place / "raw") == before, "nothing is written into the source folder"
    for name in DATASETS:
        assert load_info(place / "data/prepared" / name).counts["train"] > 0
        [scores] = (place / "results/runs" / name).rglob("scores.csv")
        rows = list(csv.DictReader(scores.read_text(encoding="utf-8").splitlines()))
        accuracy = [row for row in rows if row["metric"] == "accuracy" and not row["task"] and not row["class_name"]]
        sets = load_info(place / "data/prepared" / name).test_sets
        assert {row["test_set"] for row in accuracy} == set(sets), name
        assert all(0 <= float(row["value"]) <= 1 and int(row["count"]) > 0 for row in accuracy), name
        has_pose = any(row["metric"].startswith("pose") for row in rows)
        assert has_pose == (DATASETS[name][1].get("focal") is not None), name
    assert load_info(place / "data/prepared/objectnet3d").skipped["train"] == 4
    assert load_info(place / "data/prepared/pascal3d").textures == "dtd"


def logs(place: Path) -> str:
    """Logs of all jobs, for the message of a failure."""
    return "\n".join(
        f"{p}: {p.read_text()[-800:]}" for p in sorted((place / "logs").rglob("*.log")) if p.stat().st_size
    )
