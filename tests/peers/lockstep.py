"""Short runs whose losses, weights, exemplars and accuracies public code has given too, update for update.

The set-up, for whoever repeats a comparison: scikit-learn's digits 0 to 5 (8 x 8, values times 15, three equal
channels), the first 40 images of each class to train and the next 20 to test; classes 0 and 1, then 2 and 3, then 4
and 5; a ResNet of depth 8 and width 16 (for cosine classifiers the variant without a last ReLU); 12 exemplars by
herding; SGD, momentum .9, constant rate .05, decay 5e-4, two epochs of batches of 16, no augmentation.

In a lockstep run the other code's own learner, losses, optimiser steps, teacher, herding and class means run on this
run's batches. Its weights start from this run's, and so do the new rows of its classifier at each step; everything else
is its own. Differences are rounding then, or an error on one side.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor

from meshcil.config.classifier import BalancedSettings, FirstStepSettings
from meshcil.config.methods.base import AugmentationSettings, BackboneSettings, MethodSettings
from meshcil.core.naming import load_object
from meshcil.memory.store import ExemplarStore
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch, Method, RunFacts
from meshcil.training.selection import TrainingData, selection_inputs
from meshcil.training.trainer import train_step
from tests.methods import factory

STEPS, EXEMPLARS, TRAIN, TEST = (2, 2, 2), 12, 40, 20
TRAINING = {
    "optimizer": "sgd",
    "lr": 0.05,
    "later_lr": None,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "epochs": 2,
    "batch_size": 16,
    "gradient_limit": None,
    "augmentation": AugmentationSettings(),
}
COSINE = ("podnet", "lucir", "afc", "aanet")
REBALANCING = {"scale": 1.0, "distillation_weight": 5.0, "margin": 0.5, "hardest": 2, "margin_weight": 1.0}
CHANGES = {
    "icarl": {"temperature": 2.0, "distillation_weight": 1.0, "head": "nearest_mean"},
    "wa": {"temperature": 2.0},
    "lwf": {"temperature": 2.0, "distillation_weight": 3.0},
    "der": {"auxiliary_weight": 1.0},
    "memo": {"auxiliary_weight": 1.0, "specialised": 1, "train_generalised": True},
    "podnet": {
        "proxies": 10,
        "scale": 1.0,
        "published_nca": True,
        "spatial_weight": 5.0,
        "flat_weight": 1.0,
        "stages": 3,
        "balanced": BalancedSettings(epochs=1, lr=0.005, schedule="constant"),
    },
    "afc": {
        "proxies": 10,
        "scale": 1.0,
        "published_nca": True,
        "distillation_weight": 4.0,
        "stages": 3,
        "balanced": BalancedSettings(epochs=1, lr=0.05, schedule="constant"),
    },
    "lucir": REBALANCING,
    "aanet": REBALANCING | {"mixing": 0.5, "mixing_epochs": 0},
}


@dataclass
class Trace:
    """What is compared, by step.

    Attributes:
        losses: sum of the loss terms before each update.
        moved: Euclidean norm of what the step has changed in the weights of backbone and classifier.
        exemplars: positions of each class's exemplars among its training images, best first.
        accuracy: percent of test images right, by the linear (or cosine) classifier and by exemplars' nearest mean.
    """

    losses: list[list[float]] = field(default_factory=list)
    moved: list[float] = field(default_factory=list)
    exemplars: list[list[list[int]]] = field(default_factory=list)
    accuracy: list[dict[str, float]] = field(default_factory=list)


def settings(kind: str) -> MethodSettings:
    """Settings of the set-up above."""
    base = factory.settings(kind, **TRAINING)
    name = "cifar_resnet_cosine" if kind in COSINE else "cifar_resnet"
    exemplars = base.exemplars if base.replay == "never" else "herding"
    depth = 14 if kind in COSINE else 8
    common = {"backbone": BackboneSettings(name=name, width=16, depth=depth), "exemplars": exemplars, "pose": None}
    return base.model_copy(update=common | {"first_step": FirstStepSettings()} | CHANGES.get(kind, {}))


def images(first: int) -> ImagePool:
    """``TRAIN`` images of each class from position 0 on, or ``TEST`` from position ``TRAIN`` on."""
    digits = load_digits()
    count = TRAIN if first == 0 else TEST
    rows, labels, ids = [], [], []
    for label in range(sum(STEPS)):
        members = (digits.target == label).nonzero()[0][first : first + count]
        rows.append(torch.from_numpy(digits.images[members] * 15).to(torch.uint8))
        labels += [label] * len(members)
        ids += [f"{label}-{i}" for i in range(first, first + len(members))]
    pixels = torch.cat(rows)[:, None].expand(-1, 3, -1, -1).contiguous()
    return ImagePool(tuple(ids), pixels, torch.tensor(labels), torch.zeros(len(ids), 3))


def of_classes(pool: ImagePool, low: int, high: int) -> ImagePool:
    """Images of classes ``low`` to ``high`` - 1."""
    return pool.subset(((pool.labels >= low) & (pool.labels < high)).nonzero()[:, 0])


def build(kind: str) -> Method:
    """An untrained method."""
    bounds = torch.tensor([[[-0.5, 0.5]] * 3] * sum(STEPS))
    names = tuple(f"class{c}" for c in range(sum(STEPS)))
    facts = RunFacts(names, STEPS, (8, 8), 1.0, 1.0, bounds, 0)
    return load_object("meshcil.methods", kind, "Learner")(settings(kind), facts, torch.device("cpu"))


def follow(kind: str, folder: Path, watch: Callable[[Method, Batch], None] = lambda method, batch: None) -> Trace:
    """Train three steps.

    Args:
        kind: of the method.
        folder: for checkpoints.
        watch: called with each batch before its update.
    """
    method, trace, store = build(kind), Trace(), ExemplarStore()
    train, test = images(0), images(TRAIN)
    original = method.losses

    start: list[Tensor] = []

    def noted(batch: Batch) -> dict[str, Tensor]:
        if not trace.losses[-1]:
            start[:] = [weights(method)]
        watch(method, batch)
        terms = original(batch)
        trace.losses[-1].append(float(sum(term.detach() for term in terms.values())))
        return terms

    method.losses = noted
    for step in range(len(STEPS)):
        trace.losses.append([])
        kept = train.subset([train.ids.index(name) for name in store.ids])
        method.consolidate(kept)
        method.begin_step(step)
        new = of_classes(train, method.facts.seen(step - 1), method.seen)
        pool = train.subset([train.ids.index(name) for name in (*new.ids, *kept.ids)])
        replayed = torch.arange(len(pool)) >= len(new)
        train_step(method, TrainingData(pool, replayed), folder / f"{kind}-{step}")
        store = remember(method, store, new) if method.settings.replay != "never" else store
        method.consolidate(train.subset([train.ids.index(name) for name in store.ids]))
        trace.exemplars.append([[int(name.split("-")[1]) for name in ids] for _, ids in store.classes])
        trace.moved.append(float((weights(method) - start[0]).norm()))
        trace.accuracy.append(accuracy(method, of_classes(test, 0, method.seen)))
    return trace


def remember(method: Method, store: ExemplarStore, new: ImagePool) -> ExemplarStore:
    """The exemplars after a step."""
    per_class, ranked = EXEMPLARS // method.seen, {}
    for label in new.labels.unique().tolist():
        own = of_classes(new, label, label + 1)
        order = method.rank_exemplars(per_class, seed=0, **selection_inputs(method, own, "herding"))
        ranked[f"class{label}"] = [own.ids[i] for i in order]
    return method.update_exemplars(store, ranked, per_class)


def weights(method: Method) -> Tensor:
    """All weights of backbone and classifier in one row."""
    parts = [*method.network.backbone.parameters(), *method.network.head.parameters()]
    return torch.cat([part.detach().flatten() for part in parts]).double()


def accuracy(method: Method, test: ImagePool) -> dict[str, float]:
    """Percent right by each classifier."""
    [batch] = test.batches(len(test), method.device)
    heads = method.predict(batch).heads
    return {name: 100 * float((answers == test.labels).double().mean()) for name, answers in heads.items()}
