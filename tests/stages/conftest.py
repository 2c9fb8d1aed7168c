"""Prepared datasets without any test image."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from meshcil.core.artifacts import write_json_atomic
from meshcil.datasets.prepared import DatasetInfo, PreparedRow, encode_png, write_info, write_split

CLASSES = ("aeroplane", "bottle", "car", "chair")
PER_CLASS, SIDE = 10, 64


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset of training images alone."""
    return write_training_images(tmp_path_factory.mktemp("data"), dict.fromkeys(CLASSES, PER_CLASS))


def write_training_images(folder: Path, images: Mapping[str, int]) -> Path:
    """Write a prepared dataset with so many training images of noise of each class."""
    generator = np.random.default_rng(0)
    rows = [
        PreparedRow(
            f"{name}-{i}",
            name,
            encode_png(generator.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)),
            azimuth=float(generator.uniform(0, 6)),
            elevation=0.1,
            theta=0.0,
            distance=5.0,
            padding=(0, 0, 0, 0),
            occlusion=0.0,
        )
        for name, count in images.items()
        for i in range(count)
    ]
    write_split(folder / "train.parquet", rows)
    write_info(folder, DatasetInfo("noise", tuple(images), (SIDE, SIDE), 120.0, 5.0, (), {"train": len(rows)}, {}))
    write_json_atomic(folder / "cuboids.json", {name: [[-0.5, 0.5], [-0.3, 0.3], [-0.2, 0.2]] for name in images})
    return folder
