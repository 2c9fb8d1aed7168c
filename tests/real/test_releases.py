"""Real files of the releases, each compared with an independent reading.

`MESHCIL_REAL` names the folder that holds them; they may not be passed on, so a copy without them skips these tests.
"""

import gzip
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from PIL import Image

from meshcil.cli.data import version_row
from meshcil.core.errors import InputError
from meshcil.datasets.archives import extract
from meshcil.datasets.base import read_list
from meshcil.datasets.cad import pooled_vertices, read_off
from meshcil.datasets.class_folders import list_folders
from meshcil.datasets.images import read_image
from meshcil.datasets.matlab import load_struct
from meshcil.datasets.mnist import NAMES
from meshcil.datasets.occluded_pascal3d import read_masks
from meshcil.datasets.preparation import make_reader
from meshcil.datasets.windows import DISTANCE
from meshcil.geometry.cuboids import CuboidMesh, fit_cuboid

FOLDER = os.environ.get("MESHCIL_REAL", "/nowhere")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not Path(FOLDER).is_dir(), reason="MESHCIL_REAL names no folder with the releases"),
]
INCOMPLETE = ("car", "motorbike")
"""Classes of which some CAD models are not at hand, so that their cuboid is another one."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All archives, unpacked by the project's own reader of archives."""
    root = tmp_path_factory.mktemp("real")
    for name in ("releases", "objectnet3d_cad", "cifar10_jpeg"):
        archive = Path(FOLDER) / f"{name}.tar.xz"
        if archive.is_file():
            extract(archive, root / name)
    return root


def files(root: Path, ending: str, least: int) -> list[Path]:
    found = sorted(root.rglob(f"*{ending}"))
    assert len(found) >= least, f"{len(found)} of {ending} below {root}"
    return found


def own_off(path: Path) -> tuple[np.ndarray, list[list[int]]]:
    """Vertices and faces by words: the format has no more than these."""
    words: Iterator[str] = iter(path.read_text().split()[1:])
    vertices, faces, _ = (int(next(words)) for _ in range(3))
    points = np.array([[float(next(words)) for _ in range(3)] for _ in range(vertices)])
    return points, [[int(next(words)) for _ in range(int(next(words)))] for _ in range(faces)]


def test_every_cad_model_has_the_vertices_of_its_words(unpacked: Path) -> None:
    paths = [*files(unpacked / "releases", ".off", 80), *files(unpacked / "objectnet3d_cad", ".off", 300)]
    sides: set[int] = set()
    for path in paths:
        vertices, faces = own_off(path)
        read = read_off(path)
        assert np.array_equal(read, vertices), path
        assert max((max(face) for face in faces if face), default=0) < len(vertices), path
        # Models are scaled so that the longest side is about 1, whatever the object.
        assert 0.2 < np.ptp(read, axis=0).max() < 2.5, (path, np.ptp(read, axis=0))
        sides |= {len(face) for face in faces}
    assert sides >= {3}


def test_matlab_models_are_those_of_scipy_and_of_the_off_files(unpacked: Path) -> None:
    cad = unpacked / "releases/pascal3d/CAD"
    for path in files(cad, ".mat", 11):
        models = load_struct(path, path.stem, "Restore it").reshape(-1)
        known = scipy.io.loadmat(path)[path.stem].reshape(-1)
        assert len(models) == len(known)
        for number, (model, other) in enumerate(zip(models, known, strict=True), start=1):
            assert np.array_equal(model["vertices"], other["vertices"])
            off = cad / path.stem / f"{number:02d}.off"
            if off.is_file() and len(read_off(off)) == len(model["vertices"]):
                assert np.abs(read_off(off) - model["vertices"]).max() < 1e-4, off


def test_cuboids_are_the_published_ones(unpacked: Path) -> None:
    for path in files(unpacked / "releases/nemo-cuboids", ".off", 12):
        name, published = path.parent.name, read_off(path)
        if name in INCOMPLETE:
            continue
        bounds = fit_cuboid(torch.from_numpy(pooled_vertices(unpacked / "releases/pascal3d/CAD" / name)))
        mesh = CuboidMesh.from_bounds(bounds)
        # Published in single precision.
        assert np.abs(mesh.vertices.numpy() - published).max() < 1e-7, name


def test_lists_have_the_lines_and_the_numbers_of_the_release(unpacked: Path) -> None:
    counts = {"train": 0, "val": 0}
    for path in [p for p in files(unpacked / "releases", ".txt", 28) if p.parent.name in ("Image_sets", "lists")]:
        raw = path.read_bytes().replace(b"\r", b"\n").split(b"\n")
        assert [words[0].encode() for words in read_list(path)] == [line.split()[0] for line in raw if line.strip()]
        if path.parent.name == "Image_sets":
            counts[path.stem.rsplit("_", 1)[1]] += len(read_list(path))
    assert version_row("pascal3d")["counts"] == f"train={counts['train']};clean={counts['val']}"


def test_voc_boxes_and_pictures(unpacked: Path) -> None:
    root = unpacked / "releases/voc2007"
    seen = 0
    for split, name in (("train", "trainval"), ("test", "test")):
        listed = (root / f"VOCdevkit/VOC2007/ImageSets/Main/{name}.txt").read_text().split()
        texts = {i: (root / f"VOCdevkit/VOC2007/Annotations/{i}.xml").read_text() for i in listed}
        classes = tuple(sorted({n for text in texts.values() for n in re.findall(r"<object>\s*<name>(\w+)", text)}))
        reader = make_reader(root, classes, {"layout": "voc2007"})
        for sample in reader.samples(split):
            block = re.findall(r"<object>(.*?)</object>", texts[sample.image.stem], re.S)[sample.object_index]
            x0, y0, x1, y1 = (int(re.search(rf"<{k}>(\d+)", block)[1]) for k in ("xmin", "ymin", "xmax", "ymax"))
            if not sample.image.read_bytes().endswith(b"\xff\xd9"):  # this copy of the picture is cut off
                with pytest.raises(InputError, match="truncated"):
                    reader.read(sample)
                continue
            with Image.open(sample.image) as image:
                assert np.array_equal(reader.read(sample).pixels, np.asarray(image)[y0 - 1 : y1, x0 - 1 : x1])
            seen += 1
    assert seen >= 4


def test_masks_of_occluded_pascal3d(unpacked: Path) -> None:
    for path in files(unpacked / "releases/occluded-pascal3d", ".npz", 1):
        with np.load(path) as content:
            mask, occluder = content["mask"].squeeze(), content["occluder_mask"].squeeze()
        masks = read_masks(path)
        assert np.array_equal(masks.object, mask > 10) and np.array_equal(masks.occluder, occluder.astype(bool))


def test_the_prepared_car_was_rescaled_as_ours_are(unpacked: Path) -> None:
    for path in files(unpacked / "releases/nemo-prepared", ".npz", 1):
        with np.load(path) as content:
            known = {name: content[name] for name in ("distance", "resize_rate", "height", "width", "padding")}
        rate = float(known["distance"]) / DISTANCE
        assert rate == pytest.approx(float(known["resize_rate"]), abs=1e-12)
        pixels = read_image(path.with_name(path.name.replace("_annotation.npz", "_image.JPEG")))
        assert pixels.shape[1] == int(int(known["width"]) * rate) + int(known["padding"][1].sum())


def test_all_of_mnist() -> None:
    raw = Path(FOLDER) / "mnist/MNIST/raw"
    if not raw.is_dir():
        pytest.skip("MNIST is not there")
    reader = make_reader(Path(FOLDER) / "mnist", NAMES, {"layout": "mnist"})
    for split, prefix, count in (("train", "train", 60_000), ("test", "t10k", 10_000)):
        pixels = gzip.decompress((raw / f"{prefix}-images-idx3-ubyte.gz").read_bytes())[16:]
        labels = gzip.decompress((raw / f"{prefix}-labels-idx1-ubyte.gz").read_bytes())[8:]
        samples = reader.samples(split)
        assert len(samples) == count == len(labels)
        for sample in samples:
            index = sample.object_index
            assert NAMES[labels[index]] == sample.class_name
            image = reader.read(sample).pixels
            assert image[..., 1].tobytes() == pixels[784 * index : 784 * (index + 1)]


def test_all_photographs_of_cifar10(unpacked: Path) -> None:
    root = unpacked / "cifar10_jpeg"
    if not root.is_dir():
        pytest.skip("CIFAR-10 is not there")
    classes = sorted(path.name for path in (root / "train").iterdir())
    (root / "test").rename(root / "val")
    for split, each in (("train", 1500), ("val", 1000)):
        samples = list_folders(root, classes, split)
        assert len(samples) == each * len(classes) == 10 * each
        for sample in samples:
            with Image.open(sample.image) as image:
                assert np.array_equal(read_image(sample.image, upright=True), np.asarray(image.convert("RGB")))
