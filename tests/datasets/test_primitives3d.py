from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_tree
from meshcil.datasets.occluded_pascal3d import read_masks
from meshcil.datasets.pascal3d import read_annotation
from meshcil.datasets.primitives import release
from meshcil.datasets.primitives.scene import DISTANCE, ELEVATION, THETA
from meshcil.datasets.primitives.subtypes import KNOWN
from meshcil.datasets.primitives3d import GeneratorSettings, generate
from tests.datasets.conftest import SETTINGS

TINY = GeneratorSettings(
    classes=("bottle",), train_per_class=2, test_per_class=1, ood_per_class=1, image_size=(48, 48), focal=187.5, seed=4
)


@pytest.mark.parametrize(
    "wrong",
    [{"classes": ("zebra",)}, {"classes": ()}, {"train_per_class": 0}, {"nuisances": ("night",)}, {"levels": (4,)}],
)
def test_settings_reject_what_cannot_be_generated(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(TINY, **wrong)


def test_tree_has_the_three_layouts(raw):
    for class_name in SETTINGS.classes:
        pascal = raw / "pascal3d"
        train = (pascal / "Image_sets" / f"{class_name}_imagenet_train.txt").read_text().split()
        val = (pascal / "Image_sets" / f"{class_name}_imagenet_val.txt").read_text().split()
        assert len(train) == SETTINGS.train_per_class
        assert len(val) == SETTINGS.test_per_class
        assert not set(train) & set(val)
        for name in train + val:
            assert (pascal / "Images" / f"{class_name}_imagenet" / f"{name}.JPEG").is_file()
            assert (pascal / "Annotations" / f"{class_name}_imagenet" / f"{name}.mat").is_file()
        models = sorted(path.name for path in (pascal / "CAD" / class_name).iterdir())
        assert models == [f"{number:02d}.off" for number in range(1, len(KNOWN[class_name]) + 1)]
        for level in (1, 2, 3):
            group = f"{class_name}FGL{level}_BGL{level}"
            listed = (raw / "occluded-pascal3d" / "lists" / f"{group}.txt").read_text().split()
            assert listed == [f"{name}.JPEG" for name in val]
        lists = raw / "ood-cv" / "lists"
        every = [(lists / f"{class_name}_{n}.txt").read_text().splitlines() for n in SETTINGS.nuisances]
        assert [len(lines) for lines in every] == [SETTINGS.ood_per_class] * 5
        assert (lists / f"{class_name}_all.txt").read_text().splitlines() == [line for lines in every for line in lines]


def test_annotations_describe_the_images(raw):
    folder = raw / "pascal3d"
    distances, sizes = set(), set()
    for path in sorted(folder.glob("Annotations/*/*-val-*.mat")):
        annotation = read_annotation(path)
        class_name = path.parent.name.removesuffix("_imagenet")
        assert annotation.class_name == class_name
        assert DISTANCE[0] <= annotation.distance <= DISTANCE[1]
        assert ELEVATION[0] <= np.rad2deg(annotation.elevation) <= ELEVATION[1]
        assert THETA[0] <= np.rad2deg(annotation.theta) <= THETA[1]
        assert annotation.focal == SETTINGS.focal
        assert 1 <= annotation.cad_index <= len(KNOWN[class_name])
        with Image.open(folder / "Images" / path.parent.name / f"{path.stem}.JPEG") as image:
            width, height = image.size
        assert abs(annotation.principal[0] - width / 2) <= 5
        assert abs(annotation.principal[1] - height / 2) <= 5
        masks = read_masks(raw / "occluded-pascal3d/annotations" / f"{class_name}FGL1_BGL1" / f"{path.stem}.npz")
        assert masks.object.shape == (height, width)
        rows, columns = np.nonzero(masks.object)
        assert annotation.bbox == (columns.min(), rows.min(), columns.max(), rows.max())
        distances.add(annotation.distance)
        sizes.add((height, width))
    assert len(distances) == 24
    assert len(sizes) > 12


def test_workers_do_not_change_a_byte_and_seeds_change_images(tmp_path):
    generate(tmp_path / "one", TINY)
    done = []
    generate(tmp_path / "two", TINY, workers=2, progress=lambda count, total: done.append((count, total)))
    generate(tmp_path / "other", replace(TINY, seed=5))
    assert sha256_tree(tmp_path / "one") == sha256_tree(tmp_path / "two")
    assert done == [(k, 8) for k in range(1, 9)]
    for pattern in ("*/Images/*/*.JPEG", "*/images/*/*.JPEG", "*/CAD/*/*.off"):
        images = [path.read_bytes() for seed in ("one", "other") for path in sorted((tmp_path / seed).glob(pattern))]
        assert len(set(images)) == len(images) > 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other", "two"]


def test_classes_do_not_influence_each_other(tmp_path):
    generate(tmp_path / "alone", TINY)
    generate(tmp_path / "both", replace(TINY, classes=("car", "bottle")))
    for path in (tmp_path / "alone").rglob("bottle-*"):
        assert path.read_bytes() == (tmp_path / "both" / path.relative_to(tmp_path / "alone")).read_bytes()


def test_nothing_is_written_over(tmp_path):
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "mine.txt").write_text("keep")
    with pytest.raises(InputError, match="exists already"):
        generate(occupied, TINY)
    with pytest.raises(InputError, match="exists already"):
        generate(occupied / "mine.txt", TINY)
    assert (occupied / "mine.txt").read_text() == "keep"


def test_a_failed_run_leaves_nothing_and_the_next_one_succeeds(tmp_path, monkeypatch):
    write = release.write_file

    def disk_fills_up(path, data):
        if "-val-" in path.name:
            raise InputError(path, "cannot be written (No space left on device)", "Free disk space")
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(release, "write_file", disk_fills_up)
        with pytest.raises(InputError, match="No space left"):
            generate(tmp_path / "raw", TINY)
    assert not list(tmp_path.iterdir())
    stale = tmp_path / ".raw.partial" / "left-by-a-killed-run.txt"
    stale.parent.mkdir()
    stale.write_text("")
    generate(tmp_path / "raw", TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["raw"]
    assert not list((tmp_path / "raw").rglob("left-by*"))


def test_files_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        release.write_file(tmp_path / "file" / "image.JPEG", b"")


def test_subtypes_are_classes_of_their_own_with_one_model_each(tmp_path):
    wanted = ("car-sedan", "car-hatchback")
    generate(tmp_path / "raw", replace(TINY, classes=wanted, levels=(1,), nuisances=("shape",)))
    for name in wanted:
        assert [path.name for path in (tmp_path / "raw/pascal3d/CAD" / name).iterdir()] == ["01.off"]
        assert len(list((tmp_path / f"raw/pascal3d/Images/{name}_imagenet").iterdir())) == 3


def test_training_poses_may_be_uneven_while_test_poses_stay(tmp_path):
    even = replace(TINY, classes=("car",), train_per_class=8, test_per_class=2, levels=(), nuisances=())
    generate(tmp_path / "even", even)
    generate(tmp_path / "front", replace(even, azimuths=(1.0, 0.0, 0.0, 1.0)))
    splits = {"even": {}, "front": {}}
    for name, found in splits.items():
        folder = tmp_path / name / "pascal3d"
        for split in ("train", "val"):
            names = (folder / f"Image_sets/car_imagenet_{split}.txt").read_text().split()
            paths = [folder / f"Annotations/car_imagenet/{image}.mat" for image in names]
            found[split] = [read_annotation(path).azimuth for path in paths]
    assert splits["even"]["val"] == splits["front"]["val"]
    assert all(np.cos(azimuth) >= -1e-6 for azimuth in splits["front"]["train"])
    assert any(np.cos(azimuth) < -0.1 for azimuth in splits["even"]["train"])
    with pytest.raises(ValueError, match="azimuths"):
        replace(TINY, azimuths=(0.0, 0.0))
