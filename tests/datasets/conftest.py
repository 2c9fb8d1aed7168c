"""A small generated tree and its prepared form, made once for all data set tests."""

from pathlib import Path

import pytest

from meshcil.datasets.preparation import prepare_dataset
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


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated") / "raw"
    generate(root, SETTINGS)
    return root


@pytest.fixture(scope="session")
def prepared(raw: Path) -> Path:
    out = raw.with_name("prepared")
    prepare_dataset(
        raw, out, classes=SETTINGS.classes, image_size=SETTINGS.image_size, focal=SETTINGS.focal, test_sets=TEST_SETS
    )
    return out
