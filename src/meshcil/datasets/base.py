"""What all data sets share: where an image lies, what is known of it, and the reader that a layout provides.

A layout is a directory and annotation format. Its module is found by the name in the configuration (`layout:
pascal3d` is module ``meshcil.datasets.pascal3d``) and holds a class ``Reader``.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets.images import REMEDY as REMEDY
from meshcil.datasets.images import read_image as read_image


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
        stated_size: (width, height) of the image as the file states it, None when it does not.
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
    stated_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class OcclusionMasks:
    """Masks at the size of the original image.

    Attributes:
        object: the whole object, as if nothing hid it, bool [H, W].
        occluder: what was pasted over the image, bool [H, W].
    """

    object: Bool[np.ndarray, "H W"]
    occluder: Bool[np.ndarray, "H W"]


@dataclass(frozen=True)
class RawSample:
    """Where one image and its annotation lie.

    Attributes:
        id: "<class>/<name>", the same for an image and its occluded copies.
        class_name: category.
        image: path of the image, or of the file that holds it among others.
        annotation: path of the annotation, or None.
        object_index: which object of the annotation, or which image of the file.
        occlusion: path of the .npz file with masks, or None.
    """

    id: str
    class_name: str
    image: Path
    annotation: Path | None = None
    object_index: int = 0
    occlusion: Path | None = None


@dataclass(frozen=True)
class RawImage:
    """One image as it lies on disk.

    Attributes:
        pixels: uint8 [H, W, 3], RGB.
        annotation: viewpoint, or None in a data set without poses.
        masks: of an occluded copy, or None.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    annotation: Annotation | None = None
    masks: OcclusionMasks | None = None


@dataclass(frozen=True)
class Source:
    """What a reader is told.

    Attributes:
        root: folder of the layout.
        classes: categories, in class order.
        main: folder of the data set's training images; occluded copies take their poses from there.
        options: further keys of the test set, such as its level or nuisance.
    """

    root: Path
    classes: tuple[str, ...]
    main: Path
    options: Mapping[str, Any] = field(default_factory=dict)


class Reader(ABC):
    """Reads one layout. Readers travel to other processes, so they hold nothing but their source."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @abstractmethod
    def samples(self, split: str) -> list[RawSample]:
        """The images of ``split`` ("train" or "test"), in class order, then in the order of the lists.

        Raises:
            InputError: when a folder or list is missing, or a class has no images.
        """

    @abstractmethod
    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and read its annotation.

        Raises:
            InputError: when a file is missing or damaged.
        """

    def models(self, class_name: str) -> Path:
        """Folder with the CAD models of a class."""
        return self.source.root / "CAD" / class_name

    def files(self) -> list[Path]:
        """Files and folders that are read; a record of the preparation hashes them."""
        return [self.source.root]

    def left_out(self, split: str) -> list[Path]:
        """Files that lie among the images of ``split`` and are not read, such as those of another kind."""
        return []

    def known_classes(self) -> list[str]:
        """Classes that the folder has, as far as its layout shows them without the lists; for messages."""
        return []


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
    text = limits.read_text(path, limits.TEXT_BYTES, "Unpack the dataset again")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if not lines:
        raise InputError(path, "lists no images", "A class without images cannot be used: leave it out of `classes`")
    return lines


def unique_stems(paths: Sequence[Path]) -> list[str]:
    """Names of files without their endings; with them where two would be the same (``1.jpg`` next to ``1.png``)."""
    stems = [path.with_suffix("").as_posix() for path in paths]
    twice = {stem for stem, count in Counter(stems).items() if count > 1}
    return [path.as_posix() if stem in twice else stem for path, stem in zip(paths, stems, strict=True)]


def refuse_escape(path: Path, roots: Sequence[Path]) -> None:
    """Refuse a file that a link takes out of the data set: the folder's digest would not cover it.

    The roots themselves may be links.

    Raises:
        InputError: naming the file and where it leads.
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(str(path)[:200], f"is not a path that can be followed ({error})"[:300], REMEDY) from error
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise InputError(path, f"leads out of the data set, to {real}", "Put the file itself there, not a link")


def check_size(path: Path, annotation: Annotation, shape: tuple[int, int]) -> None:
    """Refuse an annotation that was made for the image on its side.

    Args:
        path: of the annotation.
        annotation: what it says.
        shape: (height, width) of the image.

    Raises:
        InputError: when the stated width and height are those of the image, swapped.
    """
    height, width = shape
    if annotation.stated_size == (height, width) and height != width:
        cause = f"is for an image of {height} x {width}, the image has {width} x {height}: width and height are swapped"
        raise InputError(path, cause, REMEDY)
