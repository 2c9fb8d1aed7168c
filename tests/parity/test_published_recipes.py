"""Epochs, schedules, weights of the baselines on CIFAR-100 as PyCIL, MEMO, LUCIR, PODNet and AFC have them."""

import pytest
import torch

from meshcil.config.methods.base import AugmentationSettings
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
    "bic": (FIRST, (170, (60, 100, 140), 2e-4), {"temperature": 2, "held_share": 0.1}),
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
BALANCED = {"podnet": (20, 5e-3, "cosine"), "afc": (20, 0.05, "constant")}
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
        assert balanced == ([BALANCED[kind]] if step and kind in BALANCED else [])
        assert block.keep_partial


def recipe(phase: Phase) -> tuple[int, tuple[int, ...] | None, float]:
    """Epochs, milestones (None: cosine), weight decay."""
    block = phase.training
    return phase.epochs, block.milestones if block.schedule == "steps" else None, block.weight_decay


CROP_AND_FLIP = AugmentationSettings(flip=True, crop=4)
BRIGHTNESS = 63 / 255


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # LUCIR, AANet and ELI's hosts change no brightness; the PyCIL toolbox, PODNet's and AFC's code do.
        *((f"{kind}-cifar", CROP_AND_FLIP) for kind in ("lucir", "aanet", "icarl-linear")),
        *(
            (f"{kind}-cifar", CROP_AND_FLIP.model_copy(update={"brightness": 0.247}))
            for kind in ("icarl", "podnet", "afc")
        ),
        *(
            (f"{kind}-imagenet", AugmentationSettings(flip=True, resized_crop=0.08))
            for kind in ("icarl", "memo", "der")
        ),
    ],
)
def test_published_changes_of_images(name: str, expected: AugmentationSettings) -> None:
    found = load_method(name, CONFIG).training.augmentation
    assert found == expected and found.brightness in (0, pytest.approx(BRIGHTNESS, abs=1e-4))


def test_what_differs_between_two_codes_is_as_the_recipe_says() -> None:
    podnet, afc, lucir = (load_method(f"{kind}-cifar", CONFIG) for kind in ("podnet", "afc", "lucir"))
    assert not podnet.imprint and afc.imprint and lucir.imprint
    assert afc.mirrored_means and not podnet.mirrored_means
