import math
import shutil

import numpy as np
import pytest
import scipy.io

from meshcil.core.errors import InputError
from meshcil.datasets.pascal3d import list_split, read_annotation
from tests.datasets.conftest import SETTINGS

VIEW = {
    "azimuth_coarse": 45.0,
    "elevation_coarse": 15.0,
    "azimuth": 30.0,
    "elevation": 20.0,
    "theta": -10.0,
    "distance": 7.5,
    "focal": 1.0,
    "px": 210.0,
    "py": 120.5,
    "viewport": 3000.0,
}
EMPTY = np.zeros((0, 0))


def write(path, *, view=VIEW, **fields):
    """A file with one object as MATLAB nests it."""
    entry = {"class": "car", "bbox": np.array([[10.0, 20.0, 110.0, 80.0]]), "cad_index": 3, "viewpoint": view} | fields
    scipy.io.savemat(path, {"record": {"imgsize": np.array([[400, 300, 3]]), "objects": entry}})
    return path


def write_several(path, entries):
    names = sorted({name for entry in entries for name in entry})
    objects = np.empty((1, len(entries)), dtype=[(name, object) for name in names])
    for position, entry in enumerate(entries):
        objects[0, position] = tuple(entry.get(name, EMPTY) for name in names)
    scipy.io.savemat(path, {"record": {"objects": objects}})
    return path


def test_fields_and_units(tmp_path):
    annotation = read_annotation(write(tmp_path / "a.mat"))
    assert annotation.class_name == "car"
    assert annotation.azimuth == pytest.approx(math.radians(30))
    assert annotation.elevation == pytest.approx(math.radians(20))
    assert annotation.theta == pytest.approx(math.radians(-10))
    assert annotation.distance == 7.5
    assert annotation.focal == 3000.0
    assert annotation.principal == (210.0, 120.5)
    assert annotation.bbox == (10.0, 20.0, 110.0, 80.0)
    assert annotation.cad_index == 3


def test_empty_fine_angles_fall_back_to_coarse_ones(tmp_path):
    view = VIEW | {"azimuth": EMPTY, "elevation": EMPTY, "theta": EMPTY}
    annotation = read_annotation(write(tmp_path / "a.mat", view=view))
    assert annotation.azimuth == pytest.approx(math.radians(45))
    assert annotation.elevation == pytest.approx(math.radians(15))
    assert annotation.theta == 0.0


def test_negative_azimuth_is_wrapped(tmp_path):
    annotation = read_annotation(write(tmp_path / "a.mat", view=VIEW | {"azimuth": -90.0}))
    assert annotation.azimuth == pytest.approx(1.5 * math.pi)


def test_values_may_be_nested_deeper(tmp_path):
    nested = np.empty((1, 1), dtype=object)
    nested[0, 0] = np.array([[55.0]])
    annotation = read_annotation(write(tmp_path / "a.mat", view=VIEW | {"azimuth": nested}))
    assert annotation.azimuth == pytest.approx(math.radians(55))


@pytest.mark.parametrize("distance", [0.0, -1.0, EMPTY])
def test_missing_distances_are_kept_as_unusable(tmp_path, distance):
    assert read_annotation(write(tmp_path / "a.mat", view=VIEW | {"distance": distance})).distance <= 0


def test_missing_principal_point_and_intrinsics(tmp_path):
    view = {name: value for name, value in VIEW.items() if name not in ("px", "py", "focal", "viewport")}
    annotation = read_annotation(write(tmp_path / "a.mat", view=view))
    assert annotation.principal == (60.0, 50.0)
    assert annotation.focal == 3000.0


def test_several_objects(tmp_path):
    box = np.array([[0.0, 0.0, 10.0, 10.0]])
    entries = [{"class": "car", "bbox": box, "viewpoint": VIEW | {"azimuth": 10.0 * k}} for k in range(3)]
    path = write_several(tmp_path / "a.mat", entries)
    for index in range(3):
        assert read_annotation(path, index).azimuth == pytest.approx(math.radians(10 * index))
    with pytest.raises(InputError, match="no object number 3"):
        read_annotation(path, 3)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"viewpoint": EMPTY}, "no viewpoint"),
        ({"view": {"distance": 5.0}}, "no viewpoint"),
        ({"view": VIEW | {"azimuth": EMPTY, "azimuth_coarse": EMPTY}}, "no viewpoint"),
        ({"view": VIEW | {"elevation": np.nan, "elevation_coarse": EMPTY}}, "no viewpoint"),
        ({"bbox": EMPTY}, "no bounding box"),
    ],
)
def test_unusable_annotations_name_the_file(tmp_path, change, cause):
    path = write(tmp_path / "broken.mat", **change)
    with pytest.raises(InputError, match=cause) as caught:
        read_annotation(path)
    assert caught.value.where == str(path)
    assert caught.value.remedy


def test_missing_truncated_and_foreign_files(tmp_path):
    good = write(tmp_path / "good.mat").read_bytes()
    for number, size in enumerate((0, 60, 200, len(good) // 2)):
        path = tmp_path / f"cut{number}.mat"
        path.write_bytes(good[:size])
        with pytest.raises(InputError, match=f"cut{number}.mat"):
            read_annotation(path)
    with pytest.raises(InputError, match="missing"):
        read_annotation(tmp_path / "absent.mat")
    with pytest.raises(InputError, match="not a file"):
        read_annotation(tmp_path)
    scipy.io.savemat(tmp_path / "other.mat", {"something": 1})
    with pytest.raises(InputError, match="no 'record'"):
        read_annotation(tmp_path / "other.mat")


def test_lists_keep_class_order(raw):
    samples = list_split(raw / "pascal3d", ("chair", "aeroplane"), "val")
    assert [s.class_name for s in samples] == ["chair"] * 6 + ["aeroplane"] * 6
    assert samples[0].id == "chair/chair-val-0000"
    assert samples[0].image.is_file()


def test_missing_parts_of_a_tree(raw, tmp_path):
    root = tmp_path / "pascal3d"
    shutil.copytree(raw / "pascal3d", root, ignore=shutil.ignore_patterns("CAD"))
    with pytest.raises(InputError, match="zebra_imagenet"):
        list_split(root, ("zebra",), "train")
    (root / "Image_sets" / "car_imagenet_train.txt").write_text("\n")
    with pytest.raises(InputError, match="lists no images"):
        list_split(root, SETTINGS.classes, "train")
    shutil.rmtree(root / "Images" / "chair_imagenet")
    (root / "Images" / "chair_imagenet").write_text("a file")
    with pytest.raises(InputError, match="a file where the folder"):
        list_split(root, ("chair",), "train")
