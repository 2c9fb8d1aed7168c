"""One's own raw files: nothing renders them, so that the workflow has only their times to go by."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from meshcil.core.errors import InputError
from meshcil.stages.plan import load_plan
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
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a dataset of one's own."""
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
    return tmp_path


@pytest.fixture
def place(checkout: Path) -> Path:
    """The same, prepared by `meshcil data prepare`, of which Snakemake knows nothing."""
    main(Path("config/datasets/own.yaml"), Path("data/prepared/own"))
    return checkout


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


NASTY = ["a;touch f", "`touch f`", "{wildcards.dataset} '", '"|touch f>f &', "!touch f", "{{f}}", "-", "日本 #"]


def test_a_dry_run_takes_every_name_that_passes_and_runs_none_of_them(checkout: Path) -> None:
    # Names that are parts of other paths of the workflow, and classes, labels and texts that a shell would act on.
    classes = [name for name in NASTY if name != "-"]
    finetune = yaml.safe_load((checkout / "config/methods/finetune.yaml").read_text())
    texts = {"title": NASTY[0], "description": " ".join(NASTY)}
    runs = RUNS | {"datasets": ["step0"], "protocols": ["seed0"], "methods": ["finetune-total-16"], "suite": "train"}
    table = {"name": "1e5", "kind": "summary", "caption": " ".join(NASTY), "select": {"method": NASTY}}
    suites = {"clean": ["clean"], "train": ["step1"]}
    tests = DATASET["test_sets"] | {"step1": {"layout": "class-folders"}}
    changed = {
        "datasets/step0": DATASET | {"classes": classes, "root": "raw;touch f", "suites": suites, "test_sets": tests},
        "protocols/seed0": {"description": NASTY[1], "base": 2, "increment": 3},
        "methods/finetune": finetune | {"variants": {"total-16": {"label": NASTY[2]}}},
        "experiments/null": texts | {"cost": NASTY[3], "runs": [runs], "tables": [table]},
    }
    for name, content in changed.items():
        (checkout / f"config/{name}.yaml").write_text(yaml.safe_dump(content))
    (checkout / "raw").rename(checkout / "raw;touch f")
    command = snakemake_command(checkout, "--dry-run", "--printshellcmds", "--config", "experiment='null'")
    command[command.index("--snakefile") + 1] = str(checkout / "Snakefile")
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, env=dict(os.environ))
    assert "predict" in done.stdout, done.stdout + done.stderr
    commands = [line for line in done.stdout.splitlines() if "workflow/scripts/stage.py" in line]
    assert len(commands) > 8 and not any(name in line for line in commands for name in NASTY if name != "-")
    assert not list(checkout.rglob("f"))


def test_a_folder_that_snakemake_would_take_for_a_pattern_is_refused(checkout: Path) -> None:
    (checkout / "raw").rename(checkout / "raw{x}")
    (checkout / "config/datasets/own.yaml").write_text(yaml.safe_dump(DATASET | {"root": "raw{x}"}))
    with pytest.raises(InputError, match=r"`root` raw\{x\} has braces"):
        load_plan(["own"], Path("config"))
