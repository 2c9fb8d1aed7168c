import shutil
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial import ConvexHull, Delaunay

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file, sha256_tree
from meshcil.datasets.base import Reader
from meshcil.datasets.cad import read_off
from meshcil.datasets.pascal3d import list_split, read_annotation
from meshcil.datasets.preparation import Frame, cuboid, make_reader, prepare_sample
from meshcil.datasets.prepared import load_cuboids, load_info, load_split
from meshcil.datasets.primitives.occluders import OBJECT_RANGE
from meshcil.geometry.cameras import Camera, project
from tests.datasets.conftest import SETTINGS, TEST_SETS, prepare_posed

CAMERA = Camera(375.0, (48.0, 48.0), (96, 96))
CLEAN = {"clean": {"layout": "pascal3d"}}


def prepare(raw, out, *, test_sets=CLEAN, classes=("car",), workers=1):
    prepare_posed(raw, out, classes=classes, image_size=(96, 96), focal=375.0, test_sets=test_sets, workers=workers)


def box_overlap(mask, points):
    """IoU of the bounding boxes of a mask and of projected points."""
    rows, columns = np.nonzero(mask)
    first = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    points = points.clip(0, 96)
    second = np.array([*points.min(axis=0), *points.max(axis=0)])
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    common = np.prod(np.maximum(sides, 0))
    return common / (np.prod(first[2:] - first[:2]) + np.prod(second[2:] - second[:2]) - common)


def test_container_is_complete(prepared):
    info = load_info(prepared)
    assert info.classes == SETTINGS.classes
    assert info.image_size == (96, 96)
    assert info.focal == 375.0
    assert info.distance == 5.0
    assert info.test_sets == tuple(TEST_SETS)
    assert info.counts == {"train": 16, "clean": 24, "L1": 24, "L2": 24, "L3": 24, "pose": 12, "weather": 12}
    for split, count in info.counts.items():
        assert info.sha256[split] == sha256_file(prepared / f"{split}.parquet")
        loaded = load_split(prepared / f"{split}.parquet")
        assert loaded.images().shape == (count, 3, 96, 96)
        assert list(loaded.ids) == sorted(loaded.ids)
        positions = [SETTINGS.classes.index(name) for name in loaded.class_names]
        assert positions == sorted(positions)
    assert set(load_cuboids(prepared)) == set(SETTINGS.classes)


def test_occlusion_is_measured_and_in_its_level(prepared):
    clean = load_split(prepared / "clean.parquet")
    assert (clean.occlusion == 0).all()
    for level, (low, high) in OBJECT_RANGE.items():
        split = load_split(prepared / f"L{level}.parquet")
        assert split.ids == clean.ids
        assert torch.equal(split.poses, clean.poses)
        assert (split.occlusion >= low).all()
        assert (split.occlusion <= high).all()
        changed = (split.images() != clean.images()).any(dim=1).float().mean()
        assert changed > 0.1 * level


def silhouette_overlap(mask, corners):
    """IoU of a mask's bounding box and the silhouette of a box with these projected corners."""
    rows, columns = np.nonzero(mask)
    box = np.zeros_like(mask)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    centres = np.stack(np.meshgrid(np.arange(96), np.arange(96)), axis=-1).reshape(-1, 2) + 0.5
    inside_hull = Delaunay(corners[ConvexHull(corners).vertices]).find_simplex(centres) >= 0
    silhouette = inside_hull.reshape(96, 96)
    return (silhouette & box).sum() / (silhouette | box).sum()


@pytest.fixture(scope="module")
def silhouettes(raw, prepared):
    """Per occluded test image: the object's mask, its pose, the vertices of its CAD model, its class's cuboid."""
    split = load_split(prepared / "L1.parquet")
    cuboids = load_cuboids(prepared)
    found = []
    for index, (name, class_name) in enumerate(zip(split.ids, split.class_names, strict=True)):
        record = raw / "pascal3d/Annotations" / f"{class_name}_imagenet" / f"{name.split('/')[1]}.mat"
        number = read_annotation(record).cad_index
        model = torch.from_numpy(read_off(raw / "pascal3d/CAD" / class_name / f"{number:02d}.off"))
        corners = torch.cartesian_prod(*cuboids[class_name])
        found.append((split.mask(index).numpy(), split.poses[index].double(), model, corners))
    return found


def inside(mask, points):
    """Share of the projected points that fall on the mask, one pixel of slack."""
    grown = np.pad(mask, 1)
    grown = np.lib.stride_tricks.sliding_window_view(np.pad(grown, 1), (3, 3)).any(axis=(2, 3))
    columns, rows = (np.floor(points).astype(int) + 1).clip(0, 97).T
    return grown[rows, columns].mean()


def test_pose_and_cad_model_predict_the_silhouette(silhouettes):
    models = [box_overlap(mask, project(model, pose, CAMERA).numpy()) for mask, pose, model, _ in silhouettes]
    cuboids = [
        silhouette_overlap(mask, project(corners, pose, CAMERA).numpy()) for mask, pose, _, corners in silhouettes
    ]
    assert np.mean(models) > 0.85
    assert np.min(models) > 0.7
    # A class's cuboid holds all its subtypes, so it is larger than most of them.
    assert np.mean(cuboids) >= 0.7


@pytest.mark.parametrize("signs", [(-1, 1, 1), (1, -1, 1), (1, 1, -1)], ids=["azimuth", "elevation", "theta"])
def test_the_sign_of_every_angle_matters(silhouettes, signs):
    right = [inside(mask, project(model, pose, CAMERA).numpy()) for mask, pose, model, _ in silhouettes]
    turned = [pose * torch.tensor(signs) for _, pose, _, _ in silhouettes]
    wrong = [
        inside(mask, project(model, pose, CAMERA).numpy())
        for (mask, _, model, _), pose in zip(silhouettes, turned, strict=True)
    ]
    assert np.mean(right) > 0.93
    assert np.mean(wrong) < np.mean(right) - 0.03


def test_padded_borders_show_a_texture_of_their_own(raw, prepared):
    split = load_split(prepared / "train.parquet")
    samples = list_split(raw / "pascal3d", SETTINGS.classes, "train")
    reader = make_reader(raw, SETTINGS.classes, {"layout": "pascal3d"})
    options = {"reader": reader, "frame": Frame((96, 96), 375.0)}
    train = {s.id: prepare_sample(s, partition="train", **options) for s in samples}
    test = {s.id: prepare_sample(s, partition="test", **options) for s in samples}
    padded = [row for row in train.values() if any(row.padding)]
    assert 0 < len(padded) < len(samples)
    assert all((train[i].image == test[i].image) == (not any(train[i].padding)) for i in train)
    for row in padded:
        pixels = split.images()[split.ids.index(row.id)].permute(1, 2, 0).numpy()
        top, bottom, left, right = row.padding
        border = np.ones((96, 96), bool)
        border[top : 96 - bottom, left : 96 - right] = False
        assert pixels[border].std() > 0


def test_workers_do_not_change_a_byte(raw, tmp_path):
    sets = {"clean": TEST_SETS["clean"], "L2": TEST_SETS["L2"]}
    prepare(raw, tmp_path / "one", test_sets=sets)
    prepare(raw, tmp_path / "two", test_sets=sets, workers=2)
    names = [path.name for path in sorted((tmp_path / "one").iterdir())]
    assert names == ["L2.parquet", "clean.parquet", "cuboids.json", "dataset.json", "train.parquet"]
    for name in names[:3] + names[4:]:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_published_release_lies_directly_under_its_root(raw, tmp_path):
    sets = {"L1": TEST_SETS["L1"] | {"root": str(raw / "occluded-pascal3d")}}
    prepare(raw / "pascal3d", tmp_path / "direct", test_sets=sets)
    prepare(raw, tmp_path / "nested", test_sets={"L1": TEST_SETS["L1"]})
    assert sha256_file(tmp_path / "direct/L1.parquet") == sha256_file(tmp_path / "nested/L1.parquet")


def test_unknown_layout_is_rejected(raw):
    with pytest.raises(InputError, match="coco"):
        make_reader(raw, ("car",), {"layout": "coco"})
    with pytest.raises(InputError, match="is not a layout"):
        make_reader(raw, ("car",), {"layout": "windows"})


@pytest.fixture
def copy(raw, tmp_path):
    """A copy of the car class that a test may damage."""
    root = tmp_path / "raw"
    shutil.copytree(raw, root, ignore=shutil.ignore_patterns("aeroplane*", "bottle*", "chair*"))
    return root


IMAGE = "pascal3d/Images/car_imagenet/car-train-0001.JPEG"
RECORD = "pascal3d/Annotations/car_imagenet/car-train-0001.mat"
MASKS = "occluded-pascal3d/annotations/carFGL1_BGL1/car-val-0002.npz"
DAMAGE = {
    "missing image": (IMAGE, lambda path: path.unlink()),
    "truncated image": (IMAGE, lambda path: path.write_bytes(path.read_bytes()[:400])),
    "missing annotation": (RECORD, lambda path: path.unlink()),
    "truncated annotation": (RECORD, lambda path: path.write_bytes(path.read_bytes()[:150])),
    "truncated masks": (MASKS, lambda path: path.write_bytes(path.read_bytes()[:100])),
    "missing masks": (MASKS, lambda path: path.unlink()),
    "empty list": ("pascal3d/Image_sets/car_imagenet_train.txt", lambda path: path.write_text("")),
    "damaged CAD model": ("pascal3d/CAD/car/02.off", lambda path: path.write_text("OFF\n3 1 0\n0 0")),
    "CAD folder": ("pascal3d/CAD/car", lambda path: shutil.rmtree(path)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_reported_with_its_file_and_leaves_no_data_set(copy, tmp_path, kind):
    name, damage = DAMAGE[kind]
    damage(copy / name)
    with pytest.raises(InputError) as caught:
        prepare(copy, tmp_path / "out", test_sets=CLEAN | {"L1": TEST_SETS["L1"]})
    assert caught.value.where == str(copy / name)
    assert caught.value.cause
    assert caught.value.remedy
    assert not (tmp_path / "out" / "dataset.json").exists()
    assert not list((tmp_path).rglob("*.tmp"))


def test_masks_of_another_size_are_rejected(copy, tmp_path):
    path = copy / "occluded-pascal3d/images/carFGL1_BGL1/car-val-0002.JPEG"
    Image.new("RGB", (33, 44)).save(path)
    with pytest.raises(InputError, match="do not have the size"):
        prepare(copy, tmp_path / "out", test_sets=CLEAN | {"L1": TEST_SETS["L1"]})


def test_a_file_where_a_folder_should_be(copy, tmp_path):
    with pytest.raises(InputError, match="a file where the folder"):
        prepare(copy / IMAGE, tmp_path / "out")
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(InputError, match="file stands where a folder"):
        prepare(copy, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "in the way"


def test_raw_files_are_left_alone(raw, tmp_path):
    before = sha256_tree(raw)
    prepare(raw, tmp_path / "out")
    assert sha256_tree(raw) == before


def test_a_class_of_flat_models_gets_a_thin_cuboid(tmp_path):
    sign = tmp_path / "CAD/sign"
    sign.mkdir(parents=True)
    (sign / "01.off").write_text("OFF\n4 1 0\n-1 0 -1\n1 0 -1\n1 0 1\n-1 0 1\n4 0 1 2 3\n")
    reader = Mock(spec=Reader, models=lambda name: tmp_path / "CAD" / name)
    assert cuboid(reader, "sign", 0.99) == [[-1.0, 1.0], [-0.01, 0.01], [-1.0, 1.0]]
