"""What all datasets share: where an image lies, what is known of it, and the reader that a layout provides.

A layout is a directory and annotation format. Its module is found by the name in the configuration (`layout:
pascal3d` is module ``meshcil.datasets.pascal3d``) and holds a class ``Reader``.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, UInt8

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets.images import REMEDY

Item = TypeVar("Item")


@dataclass(frozen=True)
class Annotation:
    """One annotated object."""

    class_name: str  # category the file states
    azimuth: float  # radians in [0, 2 pi)
    elevation: float  # radians
    theta: float  # in-plane rotation, radians
    distance: float  # camera distance in CAD units; <= 0 when the annotator could not fit one
    focal: float  # focal length in pixels of the original image (the file's viewport times its focal field)
    principal: tuple[float, float]  # (px, py) in pixels of the original image
    bbox: tuple[float, float, float, float]  # (x0, y0, x1, y1) in pixels of the original image
    cad_index: int  # 1-based index of the closest CAD model, 0 when unknown
    # (width, height) of the image as the file states it, None when it does not
    stated_size: tuple[int, int] | None = None


@dataclass(frozen=True)
class OcclusionMasks:
    """Masks at the size of the original image."""

    object: Bool[np.ndarray, "H W"]  # the whole object, as if nothing hid it, bool [H, W]
    occluder: Bool[np.ndarray, "H W"]  # what was pasted over the image, bool [H, W]


@dataclass(frozen=True)
class RawSample:
    """Where one image and its annotation lie."""

    id: str  # "<class>/<name>", the same for an image and its occluded copies
    class_name: str  # category
    image: Path  # path of the image, or of the file that holds it among others
    annotation: Path | None = None  # path of the annotation, or None
    object_index: int = 0  # which object of the annotation, or which image of the file
    occlusion: Path | None = None  # path of the .npz file with masks, or None


@dataclass(frozen=True)
class RawImage:
    """One image as it lies on disk."""

    pixels: UInt8[np.ndarray, "H W 3"]  # uint8 [H, W, 3], RGB
    annotation: Annotation | None = None  # viewpoint, or None in a dataset without poses
    masks: OcclusionMasks | None = None  # of an occluded copy, or None


@dataclass(frozen=True)
class Source:
    """What a reader is told."""

    root: Path  # folder of the layout
    classes: tuple[str, ...]  # categories, in class order
    main: Path  # folder of the dataset's training images; occluded copies take their poses from there
    # further keys of the test set, such as its level or nuisance
    options: Mapping[str, Any] = field(default_factory=dict)


class Reader(ABC):
    """Reads one layout. Readers travel to other processes, so they hold nothing but their source."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @abstractmethod
    def samples(self, split: str) -> list[RawSample]:
        """The images of ``split`` ("train" or "test"), in class order, then in the order of the lists.

        Raises InputError when a folder or list is missing, or a class has no images.
        """

    @abstractmethod
    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and read its annotation. Raises InputError when a file is missing or damaged."""

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


def counted(
    results: Iterable[Item], total: int, progress: Callable[[int, int], None] | None, done: int = 0
) -> Iterator[Item]:
    """The results one by one; ``progress`` is told how many are done, ``done`` of them before, and of how many."""
    for number, result in enumerate(results, start=done + 1):
        if progress is not None:
            progress(number, total)
        yield result


def require_folder(path: Path, what: str) -> None:
    """Check that a folder is there. Raises InputError when the path is missing or is a file."""
    if path.is_dir():
        return
    cause = f"is a file where the folder of {what} should be" if path.exists() else f"is missing: the folder of {what}"
    raise InputError(path, cause, "Correct the path or unpack the dataset again")


def read_list(path: Path) -> list[list[str]]:
    """The non-empty lines of a list file, split into words. Raises InputError when the file is missing or empty."""
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
    """Refuse a file that a link takes out of the dataset: the folder's digest would not cover it.

    The roots themselves may be links. Raises InputError naming the file and where it leads.
    """
    try:
        real = path.resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(str(path)[:200], f"is not a path that can be followed ({error})"[:300], REMEDY) from error
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise InputError(path, f"leads out of the dataset, to {real}", "Put the file itself there, not a link")


def check_size(path: Path, annotation: Annotation, shape: tuple[int, int]) -> None:
    """Refuse an annotation that states an image's width and height swapped; ``shape`` is (height, width).

    InputError.
    """
    height, width = shape
    if annotation.stated_size == (height, width) and height != width:
        cause = f"is for an image of {height} x {width}, the image has {width} x {height}: width and height are swapped"
        raise InputError(path, cause, REMEDY)
