"""Every variant of iNeMo in config/ learns, selects and predicts, and differs from the full method where it says."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from meshcil.config.methods.inemo import Settings
from meshcil.config.run import load_method
from meshcil.methods.base.images import ImagePool
from meshcil.methods.inemo import Learner
from meshcil.training.selection import selection_inputs
from meshcil.training.setup import TrainingData
from meshcil.training.trainer import train_step
from tests.methods.factory import CONFIG, facts, pool

VARIANTS = sorted(path.stem for path in (CONFIG / "methods").glob("inemo-study*.yaml"))
# Those that differ by more than a number run through; defects of the released code have tests of their own.
LEFT_OUT = re.compile(r"kappa|bank|samples|positional-|distillation-|maps-|partitions-\d|-d\d")
RUNNING = [name for name in VARIANTS if not LEFT_OUT.search(name)]


def small(name: str) -> Settings:
    """A variant with the sizes of a test; what makes it a variant stays."""
    chosen = load_method(name, CONFIG)
    backbone = chosen.backbone.model_copy(update={"width": 4})
    training = chosen.training.model_copy(update={"first_epochs": 1, "epochs": 1, "precision": "float32"})
    sizes = {"dim": dim(chosen), "target_vertices": 40, "backbone": backbone, "training": training}
    partitions = {12: 9, 20: 11, 40: 14, 8: 8, 6: 5}[chosen.partitions]
    return chosen.model_copy(update=sizes | {"partitions": partitions})


def dim(chosen: Settings) -> int:
    """Where the variant is narrow, too few dimensions for a simplex of nine classes."""
    return 12 if chosen.dim == load_method("inemo-study", CONFIG).dim else 5


@pytest.mark.parametrize("name", RUNNING)
def test_a_variant_runs_through(name: str, tmp_path: Path) -> None:
    method = Learner(small(name), facts((3, 6)), torch.device("cpu"))
    for step, labels in enumerate(([0, 1, 2], [3, 4, 5, 6, 7, 8])):
        method.begin_step(step)
        images = pool([*labels, 0], seed=step)
        replayed = (images.labels == 0) & (step > 0)
        [row] = train_step(method, TrainingData(images, replayed), tmp_path / f"checkpoint{step}")
        method.consolidate(images.subset(exemplars(method, images)))
    scores = method.scores(next(pool([0, 5, 8]).batches(3, method.device)))
    assert scores.shape == (3, 9) and bool(scores.isfinite().all())
    distils = not any(word in name for word in ("no-distillation", "finetune", "joint"))
    assert ("distillation" in row) is distils


def exemplars(method: Learner, images: ImagePool) -> list[int]:
    """Two images, chosen as the variant chooses; none if it keeps none."""
    strategy = method.settings.exemplars
    return [] if strategy == "none" else method.rank_exemplars(2, seed=0, **selection_inputs(method, images, strategy))


NO_DISTILLATION = {"losses.distillation_weight": 0.0, "losses.feature_distillation_weight": 0.0}
CHANGES: dict[str, dict[str, object]] = {
    "bank-160": {"background_columns": 160},
    "bank-2560": {"background_columns": 2560},
    "constant": {"training.schedule": "constant"},
    "d1": {"released_code.shared_partition": True},
    "d2": {"released_code.distillation_temperature": True},
    "d3": {"released_code.scaled_background_weight": True},
    "d4": {"released_code.all_partitions_compete": True},
    "d5": {"released_code.first_classes_distilled": True},
    "d8": {"released_code.growing_memory": True},
    "d9": {"released_code.empty_reduction": True},
    "d11": {"released_code.teacher_in_training_mode": True},
    "d13": {"released_code.transposed_pose_error": True},
    "d14": {"released_code.padding_counts": True},
    "difficulty": {"exemplars": "difficulty"},
    "distillation-high": {"losses.distillation_weight": 6.0},
    "distillation-low": {"losses.distillation_weight": 0.666667},
    "diversity": {"exemplars": "diversity"},
    "finetune": NO_DISTILLATION | {"exemplars": "none"},
    "herding": {"exemplars": "herding"},
    "joint": NO_DISTILLATION | {"all_data": True, "exemplars": "none"},
    "kappa1-high": {"losses.kappa_contrastive": 28.571429},
    "kappa1-low": {"losses.kappa_contrastive": 7.142857},
    "kappa2-high": {"losses.kappa_positional": 4.0},
    "kappa2-low": {"losses.kappa_positional": 0.25},
    "kappa3-high": {"losses.kappa_distillation": 2.0},
    "kappa3-low": {"losses.kappa_distillation": 0.125},
    "maps-high": {"losses.feature_distillation_weight": 9.0},
    "maps-low": {"losses.feature_distillation_weight": 1.0},
    "narrow": {"dim": 8},
    "narrow-grow": {"dim": 8, "partitions": 6, "partition_growth": "grow"},
    "no-background": {"losses.background_weight": 0.0},
    "no-distillation": NO_DISTILLATION,
    "no-etf": {"etf": False},
    "no-positional": {"losses.positional_weight": 0.0},
    "no-refill": {"background_refill": False},
    "no-replay": {"exemplars": "none"},
    "no-unused": {"losses.unused_partitions": False},
    "paper-distillation": {"losses.feature_distillation_weight": 0.0},
    "paper-pose": {"inference.start_pose": "similarity"},
    "partitions-16": {"partitions": 16},
    "partitions-20": {"partitions": 20},
    "partitions-40": {"partitions": 40},
    "partitions-grow": {"partitions": 8, "partition_growth": "grow"},
    "positional-high": {"losses.positional_weight": 0.6},
    "positional-low": {"losses.positional_weight": 0.066667},
    "random": {"exemplars": "random"},
    "samples-1": {"background_samples": 1},
    "samples-20": {"background_samples": 20},
}
"""What each variant changes in `inemo-study`, and nothing else."""


def flat(block: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Settings by dotted name."""
    found: dict[str, object] = {}
    for key, value in block.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found


def test_the_table_names_every_variant() -> None:
    assert {f"inemo-study-{name}" for name in CHANGES} == set(VARIANTS) - {"inemo-study"}


@pytest.mark.parametrize("name", CHANGES)
def test_a_variant_changes_what_it_says_and_nothing_else(name: str) -> None:
    full = flat(load_method("inemo-study", CONFIG).model_dump())
    variant = flat(load_method(f"inemo-study-{name}", CONFIG).model_dump())
    assert full.keys() == variant.keys()
    changed = {key: value for key, value in variant.items() if value != full[key]}
    assert changed.pop("label") and changed.pop("description")
    assert changed == CHANGES[name]
