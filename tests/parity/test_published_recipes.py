"""Epochs, schedules, weights of the baselines on CIFAR-100 as PyCIL, MEMO, LUCIR, PODNet and AFC have them."""

import pytest
import torch

from meshcil.config.run import load_method
from meshcil.core.naming import load_object
from meshcil.methods.base.method import Phase
from tests.methods.factory import CONFIG, facts

FIRST = (200, (60, 120, 170), 5e-4)
COSINE = (160, None, 5e-4)
REBALANCED = (160, (80, 120), 5e-4)
# Epochs, milestones (None: cosine) and weight decay of the first step and of the later ones; further settings.
RECIPES = {
    "finetune": (FIRST, (80, (40, 70), 2e-4), {}),
    "joint": (FIRST, FIRST, {}),
    "replay": (FIRST, (70, (30, 50), 2e-4), {}),
    "lwf": (
        (200, (60, 120, 160), 5e-4),
        (250, (60, 120, 180, 220), 2e-4),
        {"temperature": 2, "distillation_weight": 3},
    ),
    "icarl": (FIRST, (170, (80, 120), 2e-4), {"temperature": 2, "distillation_weight": 1}),
    "wa": (FIRST, (170, (60, 100, 140), 2e-4), {"temperature": 2}),
    "der": (FIRST, (170, (80, 120, 150), 2e-4), {"auxiliary_weight": 1}),
    "memo": (FIRST, (170, (80, 120, 150), 2e-4), {"auxiliary_weight": 1, "specialised": 1, "train_generalised": True}),
    "podnet": (COSINE, COSINE, {"spatial_weight": 5, "flat_weight": 1, "proxies": 10, "margin": 0.6}),
    "fetril": ((200, None, 5e-4), (50, None, 5e-4), {}),
    "afc": (COSINE, COSINE, {"distillation_weight": 4, "proxies": 10, "scale": 1}),
    "lucir": (
        REBALANCED,
        REBALANCED,
        {"distillation_weight": 5, "hardest": 2, "margin": 0.5, "margin_weight": 1},
    ),
}
LATER_RATE = {"fetril": 0.05}
BALANCED = {"podnet": (20, 5e-3), "afc": (20, 0.05)}
GRADIENT_LIMIT = {"afc": 5.0}


@pytest.mark.parametrize("kind", RECIPES)
def test_recipe(kind: str) -> None:
    *steps, extra = RECIPES[kind]
    settings = load_method(f"{kind}-cifar", CONFIG)
    assert settings.kind == kind and settings.backbone.depth == 32
    assert {name: getattr(settings, name) for name in extra} == extra
    method = load_object("meshcil.methods", kind, "Learner")(settings, facts((2, 2)), torch.device("cpu"))
    for step, expected in enumerate(steps):
        method.begin_step(step)
        main, *rest = method.phases()
        assert recipe(main) == expected
        block = main.training
        assert (block.optimizer, block.momentum, block.batch_size, block.gamma) == ("sgd", 0.9, 128, 0.1)
        assert main.lr == (LATER_RATE.get(kind, 0.1) if step else 0.1)
        assert block.gradient_limit == GRADIENT_LIMIT.get(kind)
        balanced = [(phase.epochs, phase.lr, phase.training.schedule) for phase in rest]
        assert balanced == ([(*BALANCED[kind], "cosine")] if step and kind in BALANCED else [])


def recipe(phase: Phase) -> tuple[int, tuple[int, ...] | None, float]:
    """Epochs, milestones (None: cosine), weight decay."""
    block = phase.training
    return phase.epochs, block.milestones if block.schedule == "steps" else None, block.weight_decay
