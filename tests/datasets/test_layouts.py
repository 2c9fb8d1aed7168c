"""CAD folder, Occluded Pascal3D+ and OOD-CV readers on small hand-written trees."""

import numpy as np
import pytest

from meshcil.core.errors import InputError
from meshcil.datasets.cad import pooled_vertices, read_off
from meshcil.datasets.occluded_pascal3d import list_occluded, read_masks
from meshcil.datasets.ood_cv import list_nuisance

OFF = "OFF\n4 2 0\n0 0 0\n1 0 0\n0 2 0\n0 0 3\n3 0 1 2\n3 0 1 3\n"


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_off_vertices_keep_their_axes_and_order(tmp_path):
    tree(tmp_path, {"CAD/car/01.off": OFF})
    assert read_off(tmp_path / "CAD/car/01.off").tolist() == [[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]]


def test_all_models_are_pooled_and_derived_files_left_out(tmp_path):
    tree(
        tmp_path,
        {"CAD/car/01.off": OFF, "CAD/car/02.off": OFF.replace("3\n3 0", "9\n3 0", 1), "CAD/car/01_single.off": OFF},
    )
    assert len(pooled_vertices(tmp_path / "CAD/car")) == 8
    with pytest.raises(InputError, match="bus"):
        pooled_vertices(tmp_path / "CAD/bus")
    (tmp_path / "CAD/empty").mkdir()
    with pytest.raises(InputError, match="no CAD model"):
        pooled_vertices(tmp_path / "CAD/empty")


@pytest.mark.parametrize("text", ["", "OFF\n", "hello", "OFF\n2 0 0\n0 0 0\n0 0 nan\n"])
def test_damaged_models_are_named(tmp_path, text):
    path = tmp_path / "01.off"
    path.write_text(text)
    with pytest.raises(InputError, match=r"01\.off"):
        read_off(path)


def masks(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_published_masks_are_grey_values_with_noise(tmp_path):
    grey = np.array([[0, 3, 10], [11, 200, 255]], np.uint8)
    loaded = read_masks(masks(tmp_path / "a.npz", source="x", mask=grey, occluder_mask=np.eye(2, 3)))
    assert loaded.object.tolist() == [[False] * 3, [True] * 3]
    assert loaded.occluder.tolist() == [[True, False, False], [False, True, False]]


def test_zero_one_masks_are_read_too(tmp_path):
    loaded = read_masks(masks(tmp_path / "a.npz", mask=np.eye(3, dtype=np.uint8), occluder_mask=np.ones((3, 3, 1))))
    assert loaded.object.sum() == 3
    assert loaded.occluder.all()
    empty = read_masks(masks(tmp_path / "b.npz", mask=np.zeros((3, 3)), occluder_mask=np.zeros((3, 3))))
    assert not empty.object.any()


@pytest.mark.parametrize(
    "arrays",
    [
        {"mask": np.ones((2, 2))},
        {"mask": np.ones((2, 2)), "occluder_mask": np.ones((2, 3))},
        {"mask": np.array([{}], dtype=object), "occluder_mask": np.ones((2, 2))},
        {"mask": np.ones(4), "occluder_mask": np.ones(4)},
    ],
    ids=["missing", "sizes", "pickled", "flat"],
)
def test_unusable_masks_are_named(tmp_path, arrays):
    with pytest.raises(InputError, match=r"a\.npz"):
        read_masks(masks(tmp_path / "a.npz", **arrays))


def test_occluded_copies_take_their_pose_from_the_release(tmp_path):
    root = tree(tmp_path, {"lists/carFGL2_BGL2.txt": "n1.JPEG\nn2.JPEG\n", "images/x": "", "annotations/x": ""})
    samples = list_occluded(root, tmp_path / "release", ("car",), 2)
    assert [s.id for s in samples] == ["car/n1", "car/n2"]
    assert samples[0].image == root / "images/carFGL2_BGL2/n1.JPEG"
    assert samples[0].occlusion == root / "annotations/carFGL2_BGL2/n1.npz"
    assert samples[0].annotation == tmp_path / "release/Annotations/car_imagenet/n1.mat"
    with pytest.raises(InputError, match="carFGL3_BGL3"):
        list_occluded(root, tmp_path, ("car",), 3)


def test_ood_lists_name_objects_and_skip_absent_classes(tmp_path):
    root = tree(tmp_path, {"lists/car_pose.txt": "n1 0\nn2.JPEG 1\nn3\n", "images/x": "", "annotations/x": ""})
    samples = list_nuisance(root, ("bottle", "car"), "pose")
    assert [(s.id, s.object_index) for s in samples] == [("car/n1", 0), ("car/n2_01", 1), ("car/n3", 0)]
    assert samples[1].annotation == root / "annotations/car/n2.mat"
    with pytest.raises(InputError, match="no list for nuisance 'shape'"):
        list_nuisance(root, ("car",), "shape")
    (root / "lists/car_pose.txt").write_text("n1 first\n")
    with pytest.raises(InputError, match="is not 'image objectid'"):
        list_nuisance(root, ("car",), "pose")
