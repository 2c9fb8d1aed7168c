"""The digits: split, class folders, preparation without poses, one training step."""

from pathlib import Path

import numpy as np
import pytest
import torch

from meshcil.config.run import RunKey, load_dataset
from meshcil.core.errors import InputError
from meshcil.datasets.class_folders import list_folders
from meshcil.datasets.digits import CLASSES, GeneratorSettings, generate, read_digits
from meshcil.datasets.prepared import load_cuboids, load_info, load_split
from meshcil.stages.generate import main as generate_stage
from meshcil.stages.prepare import main as prepare_stage
from meshcil.stages.resolve import resolve_run
from meshcil.training.selection import TrainingData
from meshcil.training.setup import build_method, load_pool
from meshcil.training.trainer import train_step
from tests.methods.factory import CONFIG

SMALL = GeneratorSettings(("one", "two"), train_per_class=6, test_per_class=3)


def test_splits_are_disjoint_and_balanced() -> None:
    settings = GeneratorSettings()
    train, test = read_digits(settings)
    assert train.images.shape == (1200, 8, 8) and test.images.shape == (500, 8, 8)
    assert (np.bincount(train.labels) == 120).all() and (np.bincount(test.labels) == 50).all()
    assert train.images.max() == 255 and train.images.min() == 0
    again, _ = read_digits(settings)
    other, _ = read_digits(GeneratorSettings(seed=1))
    assert (again.images == train.images).all() and (other.images != train.images).any()


def test_more_images_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="at most"):
        GeneratorSettings(train_per_class=150, test_per_class=50)
    with pytest.raises(ValueError, match="classes must be"):
        GeneratorSettings(classes=("eleven",))


def test_stages_prepare_digits_and_a_method_trains_on_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    yaml = tmp_path / "digits.yaml"
    yaml.write_text((CONFIG / "datasets/digits.yaml").read_text())
    generate_stage(yaml, Path("data/raw/digits"), 1)
    out = Path("data/prepared/digits")
    prepare_stage(yaml, out, 1)
    assert load_info(out).counts == {"train": 1200, "clean": 500}
    assert load_cuboids(out) == {}
    split = load_split(out / "clean.parquet")
    assert split.images().shape == (500, 3, 8, 8)
    assert bool(split.poses.isnan().all()) and bool((split.occlusion == 0).all())
    assert load_dataset("digits", CONFIG).classes == CLASSES
    key = RunKey(dataset="digits", protocol="2-2-2-2-2", method="replay-digits", budget="total-20", seed=0)
    run = resolve_run(key, CONFIG)
    short = run.method.training.model_copy(update={"first_epochs": 5})
    run = run.model_copy(update={"method": run.method.model_copy(update={"training": short})})
    method = build_method(run, out, torch.device("cpu"))
    assert bool(method.facts.bounds.isnan().all())
    method.begin_step(0)
    pool = load_pool(run, out / "train.parquet", run.steps[0])
    rows = train_step(method, TrainingData(pool, torch.zeros(len(pool), dtype=torch.bool)), tmp_path / "checkpoint")
    assert rows[-1]["classification"] < 0.5


def test_a_class_folder_without_images_is_a_clear_error(tmp_path: Path) -> None:
    generate(tmp_path, SMALL, 1, lambda done, total: None)
    for image in (tmp_path / "val/two").iterdir():
        image.unlink()
    names = [sample.class_name for sample in list_folders(tmp_path, ("one", "two"), "train")]
    assert names == ["one"] * 6 + ["two"] * 6
    with pytest.raises(InputError, match="holds no images"):
        list_folders(tmp_path, ("one", "two"), "val")
    with pytest.raises(InputError, match="is missing"):
        list_folders(tmp_path, ("three",), "val")
