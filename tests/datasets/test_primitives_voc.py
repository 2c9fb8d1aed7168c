"""The embedded detection set: the layout that VOC's reader accepts, boxes that do not overlap, the seed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from meshcil.datasets.primitives_voc import GeneratorSettings, compose, generate
from meshcil.datasets.voc2007 import list_images

SMALL = GeneratorSettings(train_per_class=2, test_per_class=1, image_size=(80, 80))


def test_the_reader_of_voc_accepts_what_is_written(tmp_path: Path) -> None:
    generate(tmp_path, SMALL)
    images = {split: list_images(tmp_path, split) for split in ("trainval", "test")}
    assert [len(found) for found in images.values()] == [8, 4]
    for image in (*images["trainval"], *images["test"]):
        with Image.open(image.image) as opened:
            assert opened.size == image.size[::-1]
        assert 1 <= len(image.boxes) <= 3 and set(image.class_names) <= set(SMALL.classes)
        assert (image.boxes[:, :2] >= 0).all() and (image.boxes[:, 2:] <= np.array(image.size[::-1])).all()
    assert {name for image in images["test"] for name in image.class_names} == set(SMALL.classes)


def test_boxes_do_not_overlap_and_frame_what_was_drawn() -> None:
    for index in range(6):
        _, placed = compose(SMALL, index % 4, np.random.default_rng(index))
        for i, first in enumerate(placed):
            for second in placed[:i]:
                a, b = np.array(first.box), np.array(second.box)
                assert (np.minimum(a[2:], b[2:]) <= np.maximum(a[:2], b[:2])).any()


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        generate(tmp_path / name, GeneratorSettings(train_per_class=1, test_per_class=1, image_size=(48, 48)))
    files = [sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in ("a", "b")]
    assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="classes must be a non-empty subset"):
        GeneratorSettings(classes=("unicorn",))
