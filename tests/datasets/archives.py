"""Tiny archives in the layouts of the published datasets, with their oddities, written by the tests."""

import csv
import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import scipy.io
import trimesh
from PIL import Image

VIEW = {
    "azimuth_coarse": 45.0, "elevation_coarse": 15.0, "azimuth": 30.0, "elevation": 20.0, "theta": -10.0,
    "distance": 6.0, "focal": 1.0, "px": 40.0, "py": 30.0, "viewport": 300.0,
}  # fmt: skip
EMPTY = np.zeros((0, 0))
COLOURS = {
    "boat": (200, 40, 40),
    "bus": (40, 60, 200),
    "car": (30, 160, 60),
    "apple": (210, 30, 60),
    "bear": (90, 60, 30),
}


def picture(path: Path, class_name: str, seed: int, size: tuple[int, int] = (80, 60)) -> Path:
    """A JPEG of (width, height) whose middle has the colour of the class."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(90, 160, (size[1], size[0], 3), dtype=np.uint8)
    top, left = size[1] // 4, size[0] // 4
    pixels[top : 3 * top, left : 3 * left] = COLOURS.get(class_name, (250, 220, 20))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, "JPEG", quality=95)
    return path


def entry(class_name: str, view: dict | np.ndarray = VIEW, **fields: object) -> dict:
    box = np.array([[20.0, 15.0, 60.0, 45.0]])
    return {"class": class_name, "bbox": box, "cad_index": 1, "viewpoint": view, "occluded": 0.0} | fields


def record(path: Path, *entries: dict, size: tuple[int, int] = (80, 60)) -> Path:
    """A file with its objects as MATLAB nests them: a 1 x n struct array below a 1 x 1 one."""
    names = sorted({name for one in entries for name in one})
    objects = np.empty((1, len(entries)), dtype=[(name, object) for name in names])
    for position, one in enumerate(entries):
        objects[0, position] = tuple(one.get(name, EMPTY) for name in names)
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, {"record": {"imgsize": np.array([[*size, 3]]), "objects": objects}})
    return path


def one_tuple(value: float) -> np.ndarray:
    """A value as some releases wrap it: a cell in a cell."""
    inner, outer = np.empty((1, 1), dtype=object), np.empty((1, 1), dtype=object)
    inner[0, 0] = np.array([[value]])
    outer[0, 0] = inner
    return outer


# What real files do; each must be prepared.
ODDITIES = {
    "fine": VIEW,
    "coarse": VIEW | {"azimuth": EMPTY, "elevation": EMPTY, "theta": EMPTY},
    "no-distance": VIEW | {"distance": EMPTY},
    "zero-distance": VIEW | {"distance": 0.0},
    "tuples": VIEW | {"azimuth": one_tuple(55.0), "distance": one_tuple(6.0)},
    "far": VIEW | {"distance": 1.5},
}


def cad(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    trimesh.creation.box((1.0, 0.6, 0.4)).subdivide().export(folder / "01.off")


def lines(path: Path, entries: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{text}\n" for text in entries), encoding="utf-8")
    return path


def pascal3d(root: Path, classes: tuple[str, ...] = ("boat", "bus"), test: int = 3) -> Path:
    """Every oddity of section 1 in the training images of each class; the last file has two objects."""
    for number, name in enumerate(classes):
        group = f"{name}_imagenet"
        for kind, view in ODDITIES.items():
            picture(root / "Images" / group / f"{kind}.JPEG", name, number)
            record(root / "Annotations" / group / f"{kind}.mat", entry(name, view))
        other = next(c for c in (*classes, "car") if c != name)
        picture(root / "Images" / group / "two.JPEG", name, number)
        record(root / "Annotations" / group / "two.mat", entry(name), entry(other, VIEW | {"azimuth": 200.0}))
        for k in range(test):
            picture(root / "Images" / group / f"val{k}.JPEG", name, 10 + k)
            record(root / "Annotations" / group / f"val{k}.mat", entry(name, VIEW | {"azimuth": 40.0 * k}))
        lines(root / "Image_sets" / f"{group}_train.txt", [*ODDITIES, "two"])
        lines(root / "Image_sets" / f"{group}_val.txt", [f"val{k}" for k in range(test)])
        cad(root / "CAD" / name)
    return root


def occluded(root: Path, classes: tuple[str, ...] = ("boat", "bus"), level: int = 2, test: int = 3) -> Path:
    """Copies of the test images of `pascal3d`; object masks are grey values with JPEG noise."""
    for name in classes:
        group = f"{name}FGL{level}_BGL{level}"
        for k in range(test):
            picture(root / "images" / group / f"val{k}.JPEG", name, 20 + k)
            mask = np.full((60, 80), 7, np.uint8)
            mask[15:45, 20:60] = 250
            occluder = np.zeros((60, 80))
            occluder[30:, :] = 1
            path = root / "annotations" / group / f"val{k}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, source=f"val{k}", mask=mask, occluder_mask=occluder, box=[15, 45, 20, 60])
        lines(root / "lists" / f"{group}.txt", [f"val{k}.JPEG" for k in range(test)])
    return root


def ood_cv(root: Path, classes: tuple[str, ...] = ("boat",), nuisance: str = "pose") -> Path:
    """One image with the class as its second object, and one in no nuisance list (i.i.d.)."""
    for name in classes:
        for k, image in enumerate(("ood0", "ood1", "iid")):
            picture(root / "images" / name / f"{image}.JPEG", name, 30 + k)
        record(root / "annotations" / name / "ood0.mat", entry(name))
        record(root / "annotations" / name / "iid.mat", entry(name))
        record(root / "annotations" / name / "ood1.mat", entry("car"), entry(name, VIEW | {"azimuth": 90.0}))
        lines(root / "lists" / f"{name}_{nuisance}.txt", ["ood0 0", "ood1 1"])
        lines(root / "lists" / f"{name}_all.txt", ["ood0 0", "ood1 1", "iid 0"])
    return root


def objectnet3d(root: Path, classes: tuple[str, ...] = ("boat", "bus"), test: int = 2) -> Path:
    """Flat folders of images; one annotation has another class as object 0, one no distance."""
    for number, name in enumerate(classes):
        good = [f"{name}{k}" for k in range(4)]
        held = [f"{name}-val{k}" for k in range(test)]
        bad = {f"{name}-other": entry("car"), f"{name}-far": entry(name, VIEW | {"distance": 0.0})}
        for image in (*good, *held, *bad):
            picture(root / "Images" / f"{image}.JPEG", name, number)
            view = {key: value for key, value in VIEW.items() if key != "viewport"} | {"distance": 40.0}
            record(root / "Annotations" / f"{image}.mat", bad.get(image, entry(name.upper(), view)))
        lines(root / "lists" / f"{name}_imagenet_train.txt", [*good, *bad])
        lines(root / "lists" / f"{name}_imagenet_val.txt", held)
        cad(root / "CAD" / "off" / name)
    return root


def cifar100(root: Path, per_class: int = 4, names: tuple[str, ...] = ("apple", "bear")) -> Path:
    """Pickles as published: bytes of rows [3072], fine labels, names in `meta`."""
    rng = np.random.default_rng(0)
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        labels = [i for i in range(len(names)) for _ in range(per_class)]
        colours = np.array([COLOURS[names[label]] for label in labels], np.uint8)
        data = np.repeat(colours[:, :, None], 1024, axis=2) // 2 + rng.integers(0, 90, (len(labels), 3, 1024)).astype(
            "u1"
        )
        content = {"data": data.reshape(len(labels), 3072), "fine_labels": labels, "filenames": ["a.png"] * len(labels)}
        (folder / split).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": list(names)}, protocol=2))
    return root


def mnist(root: Path, per_class: int = 3, digits: int = 2) -> Path:
    """IDX files: a magic number, big-endian sizes, bytes."""
    return idx_files(root, root / "MNIST" / "raw", per_class, digits)


def fashion_mnist(root: Path, per_class: int = 3, classes: int = 10) -> Path:
    """The same files in the root itself, packed."""
    idx_files(root, root, per_class, classes)
    for path in list(root.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return root


def idx_files(root: Path, folder: Path, per_class: int, classes: int) -> Path:
    """Images with a bar whose place tells the class."""
    folder.mkdir(parents=True, exist_ok=True)
    for prefix in ("train", "t10k"):
        labels = np.repeat(np.arange(classes, dtype=np.uint8), per_class)
        images = np.zeros((len(labels), 28, 28), np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4:24, 4 + 10 * label % 20 : 10 + 10 * label % 20] = 255 - 10 * (label // 2)
        header = struct.pack(">iiii", 2051, *images.shape)
        (folder / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 2049, len(labels)) + labels.tobytes())
    return root


def voc2007(root: Path, images: int = 4) -> Path:
    """Two objects per image, the second of them difficult in every other image."""
    devkit = root / "VOCdevkit" / "VOC2007"
    for split, start in (("trainval", 0), ("test", 100)):
        names = [f"{start + k:06d}" for k in range(images)]
        for k, name in enumerate(names):
            picture(devkit / "JPEGImages" / f"{name}.jpg", "boat", k)
            objects = "".join(
                f"<object><name>{kind}</name><difficult>{hard}</difficult><bndbox><xmin>{x}</xmin><ymin>16</ymin>"
                f"<xmax>{x + 19}</xmax><ymax>45</ymax></bndbox></object>"
                for kind, x, hard in (("boat", 21, 0), ("bus", 41, k % 2))
            )
            size = "<size><width>80</width><height>60</height><depth>3</depth></size>"
            (devkit / "Annotations").mkdir(exist_ok=True)
            (devkit / "Annotations" / f"{name}.xml").write_text(f"<annotation>{size}{objects}</annotation>")
        lines(devkit / "ImageSets" / "Main" / f"{split}.txt", names)
    return root


def class_folders(root: Path, classes: tuple[str, ...] = ("n01", "n02"), per_class: int = 3) -> Path:
    """ImageNet's layout, with a class that is not asked for."""
    for split in ("train", "val"):
        for number, name in enumerate((*classes, "n99")):
            for k in range(per_class):
                picture(root / split / name / f"{name}_{k}.JPEG", ("boat", "bus", "car")[number], k, (70, 50))
    return root


def folder(root: Path, classes: tuple[str, ...] = ("crâne", "bus"), *, poses: bool = True, per_class: int = 3) -> Path:
    """A table and images with names that are not ASCII."""
    rows = []
    for number, name in enumerate(classes):
        for split in ("train", "test"):
            for k in range(per_class):
                file = picture(root / "Bilder" / f"{name} {split} ü{k}.jpg", "boat" if number else "bus", k)
                row = {"image": file.relative_to(root).as_posix(), "class": name, "split": split}
                pose = {"azimuth": 40 * k, "elevation": 10, "theta": 0, "distance": 5, "px": 40, "py": 30, "focal": 300}
                rows.append(row | (pose if poses else {}))
        cad(root / "CAD" / name)
    with (root / "annotations.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return root


def dtd(root: Path) -> Path:
    """Describable textures: one list for training, one for test."""
    for number, name in enumerate(("a", "b", "c", "d")):
        path = root / "images" / "banded" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (60 * number, 10, 200)).save(path)
    lines(root / "labels" / "train1.txt", ["banded/a.jpg", "banded/b.jpg"])
    lines(root / "labels" / "test1.txt", ["banded/c.jpg", "banded/d.jpg"])
    return root
