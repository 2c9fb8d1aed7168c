"""Two steps of one epoch each of CIFAR-100's recipes, end to end, on files of the release's format and size.

The images are noise, so only times and memory mean anything: what a run on the real files will take on this machine.
A whole run is estimated from the epochs of its recipe, all steps but the first as long as the second.
"""

import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import yaml

from meshcil.config.run import load_dataset, load_method, load_run
from meshcil.core.artifacts import read_json

ROOT = Path(__file__).parents[1]
DATASET, PROTOCOL, BUDGET = "cifar100", "b0-10", "total-2000"
METHODS = ("replay-cifar", "memo-cifar")
EXPERIMENT = {
    "title": "Rehearsal",
    "description": "The recipes of CIFAR-100 on noise.",
    "cost": "minutes",
    "runs": [
        {"datasets": [DATASET], "protocols": [PROTOCOL], "methods": list(METHODS), "budgets": [BUDGET], "seeds": [0]}
    ],
    "tables": [{"name": "rehearsal", "title": "Rehearsal", "kind": "summary", "caption": "Noise."}],
}


def measure() -> dict[str, dict[str, object]]:
    """Processor seconds and peak memory of preparing the data and of epochs; days of a run on one core."""
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name:
        folder = Path(name)
        shutil.copy(ROOT / "Snakefile", folder)
        for part in ("workflow", "config"):
            shutil.copytree(ROOT / part, folder / part)
        _shorten(folder / "config")
        (folder / "config/experiments/rehearsal.yaml").write_text(yaml.safe_dump(EXPERIMENT))
        write_release(folder / "data/raw/cifar100/cifar-100-python")
        runs = {method: Path("results/runs", DATASET, PROTOCOL, method) for method in METHODS}
        _run(folder, [str(run / BUDGET / "seed0/step1/predictions-clean.parquet") for run in runs.values()])
        prepared = _job(folder / "data/prepared" / DATASET / "prepare.record.json")
        return {"prepare": prepared} | {method: _case(folder, method, run) for method, run in runs.items()}


def write_release(folder: Path) -> None:
    """50 000 and 10 000 images of noise as the release has them: three pickles."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, count in (("train", 50_000), ("test", 10_000)):
        labels = [number % 100 for number in range(count)]
        files = [f"{name}_{number}.png" for number in range(count)]
        data = rng.integers(0, 256, (count, 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": data, "fine_labels": labels, "filenames": files}))
    names = list(load_dataset(DATASET, ROOT / "config").classes)
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": names}))


def _shorten(config: Path) -> None:
    """One epoch in each step, in a copy of the configuration."""
    recipe = config / "recipes/cifar.yaml"
    settings = yaml.safe_load(recipe.read_text())
    settings["first_step"].pop("milestones")
    recipe.write_text(yaml.safe_dump(settings))
    for method in METHODS:
        kind, variant = method.split("-")
        path = config / f"methods/{kind}.yaml"
        settings = yaml.safe_load(path.read_text())
        short = {"first_epochs": 1, "epochs": 1, "milestones": [], "schedule": "constant"}
        own = settings["variants"][variant]
        settings["variants"][variant] = {**own, "training": {**own.get("training", {}), **short}}
        path.write_text(yaml.safe_dump(settings))


def _run(folder: Path, targets: list[str]) -> None:
    place = ["--directory", str(folder), "--snakefile", str(folder / "Snakefile"), "--cores", "1", "--nolock"]
    profile = ["--workflow-profile", str(folder / "workflow/profiles/default")]
    command = [sys.executable, "-m", "snakemake", *profile, *place, *targets, "--config", "experiment=rehearsal"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def _job(record: Path) -> dict[str, object]:
    found = read_json(record)
    return {"seconds": found["processor_seconds"], "peak_bytes": found["peak_bytes"]}


def _case(folder: Path, method: str, run: Path) -> dict[str, object]:
    first = _job(folder / run / "any/seed0/step0/train.record.json")
    second = _job(folder / run / BUDGET / "seed0/step1/train.record.json")
    predicted = _job(folder / run / BUDGET / "seed0/step1/predict-clean.record.json")
    training = load_method(method, ROOT / "config").training
    later = len(load_run(folder / run / BUDGET / "seed0/run.json").steps) - 1
    whole = training.first_epochs * first["seconds"] + later * training.epochs * second["seconds"]
    return {
        "seconds, first epoch": first["seconds"],
        "seconds, epoch with exemplars": second["seconds"],
        "seconds, predicting 20 classes": predicted["seconds"],
        "peak_bytes": max(first["peak_bytes"], second["peak_bytes"]),
        "days of a run": round(whole / 86_400, 2),
    }
