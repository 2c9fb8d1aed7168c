"""The Pascal3D+ release: annotations in MATLAB files, and its lists of the ImageNet subset.

Tree: ``Images/<class>_imagenet/<name>.JPEG``, ``Annotations/<class>_imagenet/<name>.mat``, ``CAD/<class>/NN.off``,
``Image_sets/<class>_imagenet_{train,val}.txt``.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import Annotation, RawImage, RawSample, check_size, read_list, refuse_escape, require_folder
from meshcil.datasets.images import REMEDY, read_image
from meshcil.datasets.matlab import load_struct


def _unwrap(value: Any) -> Any:
    """Strip the nesting MATLAB adds: 1-element arrays, 1-tuples and object arrays."""
    while True:
        if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.names is None:
            value = value.reshape(-1)[0]
        elif isinstance(value, tuple | list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, np.ndarray) and value.dtype.names is not None and value.size == 1:
            value = value.reshape(-1)[0]
        else:
            return value


def _field(struct: Any, name: str) -> Any:
    """The unwrapped field of a struct; None when the field is absent or empty."""
    struct = _unwrap(struct)
    names = getattr(getattr(struct, "dtype", None), "names", None)
    if not names or name not in names:
        return None
    value = _unwrap(struct[name])
    return None if isinstance(value, np.ndarray) and value.size == 0 else value


def _number(struct: Any, *names: str) -> float | None:
    """The first of the named fields that holds a finite number."""
    for name in names:
        value = _field(struct, name)
        if isinstance(value, int | float | np.number) and math.isfinite(float(value)):
            return float(value)
    return None


def read_annotation(path: Path, object_index: int = 0, viewport: float = 3000.0) -> Annotation:
    """Read one object of a Pascal3D+ (or ObjectNet3D, OOD-CV) annotation file.

    Fine angles fall back to ``*_coarse``. A missing focal field counts as 1. ``viewport`` is the focal length in pixels
    where the file states none (3000 in Pascal3D+, 2000 in ObjectNet3D). Raises InputError when the file cannot be read
    or the object has no viewpoint.
    """
    record = load_struct(path, "record", REMEDY)
    objects = _field(record, "objects")
    entries = np.atleast_1d(objects).reshape(-1) if isinstance(objects, np.ndarray) else [objects]
    if objects is None or object_index >= len(entries):
        raise InputError(path, f"has no object number {object_index}", REMEDY)
    entry = entries[object_index]
    view = _field(entry, "viewpoint")
    azimuth = _number(view, "azimuth", "azimuth_coarse")
    elevation = _number(view, "elevation", "elevation_coarse")
    if azimuth is None or elevation is None:
        raise InputError(path, f"object {object_index} has no viewpoint", REMEDY)
    box = _numbers(_field(entry, "bbox"))
    if box.size != 4 or not np.isfinite(box).all():
        raise InputError(path, f"object {object_index} has no bounding box of four numbers", REMEDY)
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    px, py = _number(view, "px"), _number(view, "py")
    theta, distance = _number(view, "theta"), _number(view, "distance")
    name, cad = _field(entry, "class"), _number(entry, "cad_index")
    return Annotation(
        class_name=str(name) if name is not None else "",
        azimuth=math.radians(azimuth) % (2 * math.pi),
        elevation=math.radians(elevation),
        theta=math.radians(theta or 0.0),
        distance=distance or 0.0,
        focal=(_number(view, "viewport") or viewport) * (_number(view, "focal") or 1.0),
        principal=(middle[0] if px is None else px, middle[1] if py is None else py),
        bbox=tuple(float(b) for b in box),
        cad_index=int(cad or 0),
        stated_size=_stated_size(record),
    )


def _numbers(value: Any) -> np.ndarray:
    """The numbers of a field in one row; none where it holds anything else."""
    try:
        return np.asarray(value, dtype=float).reshape(-1)
    except (TypeError, ValueError):
        return np.zeros(0)


def _stated_size(record: Any) -> tuple[int, int] | None:
    """(width, height): ``imgsize`` is [width, height, channels]."""
    size = _numbers(_field(record, "imgsize"))
    return (int(size[0]), int(size[1])) if size.size >= 2 and np.isfinite(size[:2]).all() else None


def read_posed(sample: RawSample, roots: Sequence[Path], viewport: float = 3000.0) -> RawImage:
    """An image and its MATLAB annotation, both within ``roots``.

    Raises InputError when a file is missing, damaged or led to by a link out of the roots, or width and height are
    swapped.
    """
    if sample.annotation is None:
        raise ValueError(f"sample {sample.id} must have an annotation")
    refuse_escape(sample.image, roots)
    refuse_escape(sample.annotation, roots)
    annotation = read_annotation(sample.annotation, sample.object_index, viewport)
    pixels = read_image(sample.image)
    check_size(sample.annotation, annotation, pixels.shape[:2])
    return RawImage(pixels, annotation)


def require_class(sample: RawSample, raw: RawImage) -> None:
    """Refuse an object of another class than its list, as NeMo's preparation does.

    Raises InputError naming the class.
    """
    stated = raw.annotation.class_name if raw.annotation else ""
    if stated.lower() != sample.class_name.lower():
        where = sample.annotation or sample.image
        raise InputError(where, f"object {sample.object_index} has the class '{stated}'", REMEDY)


def require_distance(sample: RawSample, raw: RawImage) -> None:
    """Refuse an object whose distance was not fitted (the NeMo scripts leave it out of ObjectNet3D and OOD-CV).

    Raises InputError when the distance is missing or not positive.
    """
    if raw.annotation is None or raw.annotation.distance <= 0:
        where = sample.annotation or sample.image
        raise InputError(where, f"object {sample.object_index} has no positive distance", REMEDY)


def list_split(root: Path, classes: Sequence[str], split: str) -> list[RawSample]:
    """The images of a split ("train" or "val") of the ImageNet subset, in class order, then in that of the lists.

    Raises InputError when a folder or list is missing, or a class has no images.
    """
    samples = []
    for folder in ("Images", "Annotations", "Image_sets"):
        require_folder(root / folder, f"Pascal3D+ {folder}")
    for class_name in classes:
        group = f"{class_name}_imagenet"
        require_folder(root / "Images" / group, f"{class_name} images")
        for name, *_ in read_list(root / "Image_sets" / f"{group}_{split}.txt"):
            image = root / "Images" / group / f"{name}.JPEG"
            annotation = root / "Annotations" / group / f"{name}.mat"
            samples.append(RawSample(f"{class_name}/{name}", class_name, image, annotation))
    return samples


class Reader(base.Reader):
    """The ImageNet subset; object 0 of each file, as in NeMo's preparation."""

    def samples(self, split: str) -> list[RawSample]:
        """The `train` lists, or the `val` lists as test images."""
        return list_split(self.source.root, self.source.classes, "train" if split == "train" else "val")

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and read its annotation."""
        raw = read_posed(sample, [self.source.root])
        if self.source.options.get("strict_objects"):
            require_class(sample, raw)
            require_distance(sample, raw)
        return raw

    def known_classes(self) -> list[str]:
        """Classes with a folder of images."""
        folders = (self.source.root / "Images").glob("*_imagenet")
        return sorted(path.name.removesuffix("_imagenet") for path in folders)
