"""A name stands for a method, a variant, or a variant of a variant; what it resolves to changes only on purpose."""

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshcil.config.experiment import experiment_names, load_experiment
from meshcil.config.run import RunKey, load_method
from meshcil.config.variants import find_method, method_names
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_json
from meshcil.stages.resolve import resolve_run
from tests.methods.factory import CONFIG

DIGESTS = Path(__file__).with_name("methods.json")
"""Digest of what the files set for each measured method: a result stays tied to the settings it was made with."""


def measured() -> set[str]:
    """Methods whose scores are kept."""
    files = (CONFIG.parent / "docs/results").glob("*/scores.csv")
    return {row["method"] for file in files for row in csv.DictReader(file.read_text().splitlines())} & set(
        method_names(CONFIG)
    )


def digest(name: str) -> str:
    stated = load_method(name, CONFIG).model_dump(mode="json", exclude_unset=True)
    return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:8]


def test_every_measured_method_has_the_settings_it_had() -> None:
    kept = json.loads(DIGESTS.read_text())
    changed = {name: digest(name) for name in kept} | dict.fromkeys(measured() - set(kept), "missing")
    changed = {name: found for name, found in changed.items() if found != kept.get(name)}
    assert not changed, f"if on purpose, measure again and write these into {DIGESTS.name}"


def test_every_experiment_names_methods_that_exist() -> None:
    blocks = [block for name in experiment_names(CONFIG) for block in load_experiment(name, CONFIG).runs]
    assert {name for block in blocks for name in block.methods} <= set(method_names(CONFIG))


def test_every_name_is_found_and_the_files_are_few() -> None:
    names = method_names(CONFIG)
    assert len(names) == len(set(names)) > 120
    assert [name for name in names if load_method(name, CONFIG).label == ""] == []
    assert len(list((CONFIG / "methods").glob("*.yaml"))) <= 45
    assert {path.stem for path in (CONFIG / "recipes").glob("*.yaml")} == {
        path.stem for name in names for path in find_method(name, CONFIG).files[1:]
    }


def test_a_file_holds_one_kind_of_its_name() -> None:
    assert {(find_method(name, CONFIG).path.stem, load_method(name, CONFIG).kind) for name in method_names(CONFIG)} == {
        (path.stem, path.stem) for path in (CONFIG / "methods").glob("*.yaml")
    }


METHOD: dict[str, Any] = {
    "kind": "finetune",
    "label": "tiny",
    "description": "For this test.",
    "recipe": "fast",
    "training": {"batch_size": 4},
    "variants": {
        "wide": {"backbone": {"width": 9}, "variants": {"2": {"backbone": {"depth": 2}}}},
        "slow": {"recipe": "slow", "training": {"lr": 0.2}},
    },
}
RECIPES = {
    "fast": {"backbone": {"name": "resnet10", "width": 4}, "training": {"epochs": 1, "lr": 0.1, "batch_size": 2}},
    "slow": {"extends": "fast", "training": {"epochs": 7, "schedule": "cosine"}},
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A method with variants, and recipes."""
    for folder, files in (("methods", {"tiny": METHOD}), ("recipes", RECIPES)):
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return tmp_path


def test_recipe_file_and_variant_are_laid_over_each_other(config: Path) -> None:
    assert method_names(config) == ["tiny", "tiny-slow", "tiny-wide", "tiny-wide-2"]
    tiny, slow, wide = (load_method(name, config) for name in ("tiny", "tiny-slow", "tiny-wide-2"))
    assert (tiny.training.epochs, tiny.training.batch_size, tiny.training.lr) == (1, 4, 0.1)
    assert (slow.training.epochs, slow.training.batch_size, slow.training.lr) == (7, 4, 0.2)
    assert slow.training.schedule == "cosine" and (wide.backbone.width, wide.backbone.depth) == (9, 2)
    assert [path.name for path in find_method("tiny-slow", config).files] == ["tiny.yaml", "slow.yaml", "fast.yaml"]


def test_a_file_of_a_longer_name_comes_first(config: Path) -> None:
    other = {**METHOD, "label": "another file", "variants": {}}
    (config / "methods/tiny-wide.yaml").write_text(yaml.safe_dump(other))
    with pytest.raises(
        InputError, match=r"tiny.yaml: variant `wide` is also a file, tiny-wide.yaml. Rename one of them"
    ):
        method_names(config)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny-widee", r"methods/tiny.yaml: has no variant `widee`. Did you mean `wide`, `wide-2`\?"),
        ("tinny", r"methods/tinny.yaml: does not exist. Did you mean `tiny`, `tiny-\w+`"),
        ("zebra", r"methods/zebra.yaml: does not exist. None of the 4 methods is like it"),
        ("tiny_wide", "`tiny_wide`: is not a valid file name"),
    ],
)
def test_an_unknown_name_is_told_what_is_near(config: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_method(name, config)


def test_at_most_five_near_names_are_told() -> None:
    with pytest.raises(InputError) as refused:
        load_method("inemo-study-kappa", CONFIG)
    assert refused.value.where.endswith("inemo.yaml") and refused.value.remedy.count("`") == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variants": ["wide"]}, "tiny.yaml: `variants` is not a mapping"),
        ({"variants": {20: {}}}, "tiny.yaml: variant `20` has no valid name.*quote digits"),
        ({"variants": {"a_b": {}}}, "tiny.yaml: variant `a_b` has no valid name"),
        ({"variants": {"wide": None}}, "tiny.yaml: variant `wide` is not a mapping"),
        ({"variants": {"a": {"variants": {"b": {}}}, "a-b": {}}}, "tiny.yaml: has two variants `a-b`"),
        ({"recipe": ["fast"]}, r"tiny.yaml: `recipe` is \['fast'\]"),
        ({"recipe": "fats"}, "recipes/fats.yaml: does not exist. Did you mean `fast`"),
        ({"extends": "finetune"}, "tiny.yaml: `extends`: Extra inputs are not permitted"),
        ({"training": {"epoch": 1}}, "tiny.yaml: `training.epoch`"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_name(config: Path, changes: dict, message: str) -> None:
    (config / "methods/tiny.yaml").write_text(yaml.safe_dump(METHOD | changes))
    with pytest.raises(InputError, match=message):
        load_method("tiny", config)


def test_a_variant_of_inemo_is_added_in_one_place_and_changes_no_other_run(tmp_path: Path) -> None:
    config = Path(shutil.copytree(CONFIG, tmp_path / "config"))
    names = {"dataset": "primitives3d-study", "protocol": "3-3-3-3", "budget": "total-48", "seed": 0}
    key = RunKey(**names, method="inemo-study-no-etf")
    before = sha256_json(resolve_run(key, config).model_dump(mode="json"))
    path = config / "methods/inemo.yaml"
    path.write_text(path.read_text() + "      new: {label: new, description: New., background_samples: 2}\n")
    added = resolve_run(RunKey(**names, method="inemo-study-new"), config).method
    study = resolve_run(RunKey(**names, method="inemo-study"), config).method
    assert added == study.model_copy(update={"label": "new", "description": "New.", "background_samples": 2})
    assert sha256_json(resolve_run(key, config).model_dump(mode="json")) == before


def test_a_method_with_the_weights_that_are_installed_says_so_in_its_name() -> None:
    """Claims compare networks from ImageNet with each other only, and know them by name."""
    wrong = []
    for name in method_names(CONFIG):
        backbone = getattr(load_method(name, CONFIG), "backbone", None)
        if (getattr(backbone, "name", "") == "timm") != ("-pretrained" in name):
            wrong.append(name)
    assert not wrong
