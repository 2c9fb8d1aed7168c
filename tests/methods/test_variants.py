"""Every variant of iNeMo in config/ learns, selects and predicts."""

import re
from pathlib import Path

import pytest
import torch

from meshcil.config.methods.inemo import Settings
from meshcil.config.run import load_method
from meshcil.config.variants import method_names
from meshcil.methods.base.images import ImagePool
from meshcil.methods.inemo import Learner
from meshcil.training.selection import selection_inputs
from meshcil.training.setup import TrainingData
from meshcil.training.trainer import train_step
from tests.methods.factory import CONFIG, facts, pool

VARIANTS = [name for name in method_names(CONFIG) if name.startswith("inemo-study")]
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
