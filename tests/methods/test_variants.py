"""Every variant of iNeMo in config/ learns, selects and predicts, and differs from the full method where it says."""

import re
from pathlib import Path

import pytest
import torch

from meshcil.config.base import read_yaml
from meshcil.config.methods.inemo import Settings
from meshcil.config.run import load_method
from meshcil.methods.inemo import Learner
from meshcil.training.selection import selection_inputs
from meshcil.training.setup import TrainingData
from meshcil.training.trainer import train_step
from tests.methods.factory import CONFIG, facts, pool

VARIANTS = sorted(path.stem for path in (CONFIG / "methods").glob("inemo-study*.yaml"))
# Those that differ by more than a number run through; defects of the released code have tests of their own.
LEFT_OUT = re.compile(r"kappa|bank|samples|partitions-\d|-d\d")
RUNNING = [name for name in VARIANTS if not LEFT_OUT.search(name)]


def small(name: str) -> Settings:
    """A variant with the sizes of a test; what makes it a variant stays."""
    chosen = load_method(name, CONFIG)
    backbone = chosen.backbone.model_copy(update={"width": 4})
    training = chosen.training.model_copy(update={"first_epochs": 1, "epochs": 1, "precision": "float32"})
    sizes = {"dim": 12, "target_vertices": 40, "backbone": backbone, "training": training}
    partitions = {12: 9, 20: 11, 40: 14, 8: 8}[chosen.partitions]
    return chosen.model_copy(update=sizes | {"partitions": partitions})


@pytest.mark.parametrize("name", RUNNING)
def test_a_variant_runs_through(name: str, tmp_path: Path) -> None:
    method = Learner(small(name), facts((3, 6)), torch.device("cpu"))
    for step, labels in enumerate(([0, 1, 2], [3, 4, 5, 6, 7, 8])):
        method.begin_step(step)
        images = pool([*labels, 0], seed=step)
        replayed = (images.labels == 0) & (step > 0)
        [row] = train_step(method, TrainingData(images, replayed), tmp_path / f"checkpoint{step}")
        arrays = selection_inputs(method, images, method.settings.exemplars)
        chosen = method.rank_exemplars(2, seed=0, **arrays)
        method.consolidate(images.subset(chosen))
    scores = method.scores(next(pool([0, 5, 8]).batches(3, method.device)))
    assert scores.shape == (3, 9) and bool(scores.isfinite().all())
    distils = not any(word in name for word in ("no-distillation", "finetune", "joint"))
    assert ("distillation" in row) is distils


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "inemo-study"])
def test_a_variant_changes_little_but_its_label(name: str) -> None:
    path = CONFIG / "methods" / f"{name}.yaml"
    full, variant = load_method("inemo-study", CONFIG).model_dump(), load_method(name, CONFIG).model_dump()
    changed = {key for key in full if full[key] != variant[key]} - {"label", "description"}
    assert len(changed) <= 2 and full["label"] != variant["label"]
    assert "\nextends: inemo-study\n" in "\n" + path.read_text() and "kind" not in read_yaml(path).get("losses", {})
