"""The Pascal3D+ release: annotations in MATLAB files, and its lists of the ImageNet subset.

Tree: ``Images/<class>_imagenet/<name>.JPEG``, ``Annotations/<class>_imagenet/<name>.mat``, ``CAD/<class>/NN.off``,
``Image_sets/<class>_imagenet_{train,val}.txt``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from meshcil.core.errors import InputError

REMEDY = "Restore the file from the data set's archive, or take its name out of the list"


@dataclass(frozen=True)
class Annotation:
    """One annotated object.

    Attributes:
        class_name: category the file states.
        azimuth: radians in [0, 2 pi).
        elevation: radians.
        theta: in-plane rotation, radians.
        distance: camera distance in CAD units; <= 0 when the annotator could not fit one.
        focal: focal length in pixels of the original image (the file's viewport times its focal field).
        principal: (px, py) in pixels of the original image.
        bbox: (x0, y0, x1, y1) in pixels of the original image.
        cad_index: 1-based index of the closest CAD model, 0 when unknown.
    """

    class_name: str
    azimuth: float
    elevation: float
    theta: float
    distance: float
    focal: float
    principal: tuple[float, float]
    bbox: tuple[float, float, float, float]
    cad_index: int


@dataclass(frozen=True)
class RawSample:
    """Where one image and its annotation lie.

    Attributes:
        id: "<class>/<name>", the same for an image and its occluded copies.
        class_name: category.
        image: path of the image.
        annotation: path of the .mat file; None for an image without a pose.
        object_index: which object of the file.
        occlusion: path of the .npz file with masks, or None.
    """

    id: str
    class_name: str
    image: Path
    annotation: Path | None
    object_index: int = 0
    occlusion: Path | None = None


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


def _load_record(path: Path) -> Any:
    if not path.is_file():
        raise InputError(path, "is missing" if not path.exists() else "is not a file", REMEDY)
    try:
        content = scipy.io.loadmat(path)
    # A damaged file can fail anywhere inside the reader: zlib, struct, index or type errors.
    except Exception as error:
        raise InputError(path, f"is truncated or no MATLAB v5 file ({error})", REMEDY) from error
    if "record" not in content:
        raise InputError(path, "has no 'record' struct", REMEDY)
    return content["record"]


def read_annotation(path: Path, object_index: int = 0) -> Annotation:
    """Read one object of a Pascal3D+ (or ObjectNet3D, OOD-CV) annotation file.

    Fine angles fall back to ``*_coarse``. A missing focal field counts as 1, a missing viewport as 3000 (Pascal3D+).

    Args:
        path: the .mat file.
        object_index: position in ``record.objects``.

    Raises:
        InputError: when the file cannot be read or the object has no viewpoint.
    """
    objects = _field(_load_record(path), "objects")
    entries = np.atleast_1d(objects).reshape(-1) if isinstance(objects, np.ndarray) else [objects]
    if objects is None or object_index >= len(entries):
        raise InputError(path, f"has no object number {object_index}", REMEDY)
    entry = entries[object_index]
    view = _field(entry, "viewpoint")
    azimuth = _number(view, "azimuth", "azimuth_coarse")
    elevation = _number(view, "elevation", "elevation_coarse")
    if azimuth is None or elevation is None:
        raise InputError(path, f"object {object_index} has no viewpoint", REMEDY)
    box = np.asarray(_field(entry, "bbox"), dtype=float).reshape(-1)
    if box.size != 4:
        raise InputError(path, f"object {object_index} has no bounding box", REMEDY)
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
        focal=(_number(view, "viewport") or 3000.0) * (_number(view, "focal") or 1.0),
        principal=(middle[0] if px is None else px, middle[1] if py is None else py),
        bbox=tuple(float(b) for b in box),
        cad_index=int(cad or 0),
    )


def require_folder(path: Path, what: str) -> None:
    """Check that a folder is there.

    Raises:
        InputError: when the path is missing or is a file.
    """
    if path.is_dir():
        return
    cause = f"is a file where the folder of {what} should be" if path.exists() else f"is missing: the folder of {what}"
    raise InputError(path, cause, "Correct the path or unpack the data set again")


def read_list(path: Path) -> list[list[str]]:
    """The non-empty lines of a list file, split into words.

    Raises:
        InputError: when the file is missing or empty.
    """
    if not path.is_file():
        raise InputError(path, "is missing" if not path.exists() else "is not a file", "Unpack the data set again")
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines:
        raise InputError(path, "lists no images", "A class without images cannot be used: leave it out of `classes`")
    return lines


def list_split(root: Path, classes: Sequence[str], split: str) -> list[RawSample]:
    """The images of the ImageNet subset.

    Args:
        root: folder that holds ``Images`` and ``Annotations``.
        classes: categories, in class order.
        split: "train" or "val".

    Returns:
        Samples in class order, then in the order of the lists.

    Raises:
        InputError: when a folder or list is missing, or a class has no images.
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
