"""A small generated tree and its prepared form, made once for all dataset tests."""

from pathlib import Path

import pytest

from meshcil.datasets.preparation import Frame, make_reader, prepare_dataset
from meshcil.datasets.primitives3d import GeneratorSettings, generate

SETTINGS = GeneratorSettings(
    classes=("aeroplane", "bottle", "car", "chair"),
    train_per_class=4,
    test_per_class=6,
    ood_per_class=3,
    seed=11,
)
TEST_SETS = {
    "clean": {"layout": "pascal3d"},
    "L1": {"layout": "occluded-pascal3d", "level": 1},
    "L2": {"layout": "occluded-pascal3d", "level": 2},
    "L3": {"layout": "occluded-pascal3d", "level": 3},
    "pose": {"layout": "ood-cv", "nuisance": "pose"},
    "weather": {"layout": "ood-cv", "nuisance": "weather"},
}


def prepare_posed(raw, out, *, classes, image_size, focal, test_sets, workers=1):
    """Prepare a tree in the Pascal3D+ layout."""
    options = {"train": {"layout": "pascal3d"}} | test_sets
    readers = {split: make_reader(raw, classes, option) for split, option in options.items()}
    prepare_dataset(readers, Frame(image_size, focal), out, classes=classes, workers=workers)


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated") / "raw"
    generate(root, SETTINGS)
    return root


@pytest.fixture(scope="session")
def prepared(raw: Path) -> Path:
    out = raw.with_name("prepared")
    prepare_posed(
        raw, out, classes=SETTINGS.classes, image_size=SETTINGS.image_size, focal=SETTINGS.focal, test_sets=TEST_SETS
    )
    return out
