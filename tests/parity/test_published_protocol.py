"""iNeMo's experiments on real data: classes, steps, budgets and settings of the published protocol; class lists."""

import pytest

from meshcil.config.experiment import load_experiment, run_keys
from meshcil.config.run import RunConfig, load_dataset
from meshcil.stages.resolve import resolve_run
from tests.methods.factory import CONFIG

TWELVE = [
    "aeroplane",
    "bicycle",
    "boat",
    "bottle",
    "bus",
    "car",
    "chair",
    "diningtable",
    "motorbike",
    "sofa",
    "train",
    "tvmonitor",
]
# Experiment -> dataset, step sizes by protocol, budgets, suite.
EXPERIMENTS = {
    "inemo-pascal3d": ("pascal3d", {(3,) * 4, (6,) * 2}, {240}, "clean"),
    "inemo-objectnet3d": ("objectnet3d", {(10,) * 10, (5,) * 20}, {2000}, "clean"),
    "inemo-occlusion": ("pascal3d-occluded", {(3,) * 4}, {240}, "occlusion"),
    "inemo-ood": ("pascal3d-ood", {(3,) * 4}, {240}, "ood"),
    "inemo-memory": ("pascal3d", {(3,) * 4}, {60, 120, 240, 480, 960}, "clean"),
}


def runs(name: str) -> list[RunConfig]:
    return [resolve_run(key, CONFIG) for key in run_keys(load_experiment(name, CONFIG))]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment(name: str) -> None:
    dataset, steps, budgets, suite = EXPERIMENTS[name]
    found = runs(name)
    assert {run.key.dataset for run in found} == {dataset}
    assert {tuple(len(step) for step in run.steps) for run in found} == steps
    assert {run.key.budget for run in found} == {f"total-{number}" for number in budgets}
    assert {block.suite for block in load_experiment(name, CONFIG).runs} == {suite}
    assert all(run.classes == load_dataset(dataset, CONFIG).classes for run in found)


@pytest.mark.parametrize(("name", "partitions", "focal"), [("pascal3d", 20, 3000), ("objectnet3d", 100, 2000)])
def test_settings_of_the_paper(name: str, partitions: int, focal: float) -> None:
    [run, *_] = [run for run in runs(f"inemo-{name}") if run.method.kind == "inemo"]
    method, block = run.method, run.method.training
    assert (run.dataset.image_size, run.dataset.focal) == ((640, 800), focal)
    assert (method.backbone.name, method.dim, method.partitions) == ("resnet50", 128, partitions)
    assert (method.target_vertices, method.background_columns, method.bank_momentum) == (1000, 2560, 0.9)
    assert (block.first_epochs, block.epochs, block.batch_size) == (50, 50, 16)
    assert (block.optimizer, block.lr, block.later_lr, block.weight_decay) == ("adam", 1e-5, None, 1e-4)
    augmentation = block.augmentation
    assert not augmentation.flip and augmentation.rotate == augmentation.colour == 0
    losses = method.losses
    kappas = (losses.kappa_contrastive, losses.kappa_positional, losses.kappa_distillation)
    assert kappas == pytest.approx((1 / 0.07, 1, 0.5))
    assert (losses.positional_weight, losses.distillation_weight, losses.noise_weight) == (0.2, 2.0, 0.1)
    assert (losses.background_weight, losses.neighbour_cells, losses.unused_partitions) == (5e-3, 6, True)
    assert losses.feature_distillation_weight == 0, "an addition of ours"
    assert method.exemplars == "pose-aware" and not any(method.released_code.model_dump().values())


def test_class_lists() -> None:
    assert load_dataset("pascal3d", CONFIG).classes == tuple(TWELVE)
    for name, count in (("objectnet3d", 100), ("cifar100", 100), ("voc2007", 20)):
        classes = load_dataset(name, CONFIG).classes
        assert len(set(classes)) == len(classes) == count and list(classes) == sorted(classes), name
    assert set(TWELVE) < set(load_dataset("objectnet3d", CONFIG).classes)
    assert set(TWELVE) < set(load_dataset("voc2007", CONFIG).classes)
    synsets = load_dataset("imagenet100", CONFIG).classes
    assert len(set(synsets)) == 100 and all(len(name) == 9 and name[0] == "n" for name in synsets)
    assert load_dataset("mnist", CONFIG).classes[::9] == ("zero", "nine")
