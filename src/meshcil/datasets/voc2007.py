"""Pascal VOC 2007 detection.

Tree: ``VOCdevkit/VOC2007/{JPEGImages,Annotations,ImageSets/Main}`` with the lists ``trainval.txt`` and ``test.txt``.
Detection works on whole images and their boxes (`list_images`); as a classification dataset, each box that is not
marked difficult is one image.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring
from xml.parsers.expat import ExpatError, ParserCreate

import numpy as np
from jaxtyping import Bool, Float

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample, read_list, refuse_escape, require_folder
from meshcil.datasets.images import REMEDY, read_image

FOLDER = Path("VOCdevkit/VOC2007")


@dataclass(frozen=True)
class DetectionImage:
    """One image and its objects."""

    id: str  # file name without its ending
    image: Path  # path
    annotation: Path  # path of the XML file
    size: tuple[int, int]  # (H, W) in pixels as the annotation states it
    class_names: tuple[str, ...]  # one per object
    boxes: Float[np.ndarray, "n 4"]  # float32 [n, 4]; x0, y0, x1, y1 in pixels from 0, x1 and y1 exclusive
    difficult: Bool[np.ndarray, " n"]  # bool [n]; not counted in evaluation


def list_images(root: Path, image_set: str) -> list[DetectionImage]:
    """Images of a list ("train", "val", "trainval" or "test") with their objects, in the order of the list.

    Raises InputError when a folder, list or annotation is missing or damaged.
    """
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        require_folder(root / FOLDER / folder, f"VOC 2007 {folder}")
    listed = root / FOLDER / "ImageSets" / "Main" / f"{image_set}.txt"
    images, annotations = root / FOLDER / "JPEGImages", root / FOLDER / "Annotations"
    return [read_objects(images / f"{name}.jpg", annotations / f"{name}.xml") for name, *_ in read_list(listed)]


def read_objects(image: Path, annotation: Path) -> DetectionImage:
    """Read one XML annotation. Raises InputError when it is missing or damaged, or a box is empty."""
    data = limits.read_file(annotation, limits.ANNOTATION_BYTES, REMEDY)
    try:
        content = _parse(data)
        objects = content.findall("object")
        corners = [[float(_text(o, f"bndbox/{k}")) for k in ("xmin", "ymin", "xmax", "ymax")] for o in objects]
        # Pixels are numbered from 1 and both corners belong to the box.
        boxes = np.array(corners, dtype=np.float32).reshape(-1, 4) - np.array([1, 1, 0, 0], dtype=np.float32)
        size = (int(_text(content, "size/height")), int(_text(content, "size/width")))
        names = tuple(_text(o, "name") for o in objects)
        difficult = np.array([(o.findtext("difficult") or "0").strip() == "1" for o in objects], dtype=bool)
    except (ParseError, ExpatError, ValueError, LookupError) as error:
        raise InputError(annotation, f"cannot be read as a VOC annotation ({error})", REMEDY) from error
    if not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
        raise InputError(annotation, "has an empty box", REMEDY)
    return DetectionImage(image.stem, image, annotation, size, names, boxes, difficult)


def _parse(data: bytes) -> Element:
    """The root of an XML file, which must declare no entities and not be nested deeply.

    Raises ValueError when it is or does, and ExpatError when it is not XML.
    """
    depth, scan = 0, ParserCreate()

    def enter(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > limits.DEPTH:
            raise ValueError(f"its elements are nested more than {limits.DEPTH} deep")

    def leave(_: str) -> None:
        nonlocal depth
        depth -= 1

    def declare(*_: object) -> None:
        raise ValueError("it declares a document type, which may hold entities")

    scan.StartElementHandler, scan.EndElementHandler, scan.StartDoctypeDeclHandler = enter, leave, declare
    scan.Parse(data, True)
    return fromstring(data)


def _text(element: Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"`{path}` is missing or empty")
    return text


class Reader(base.Reader):
    """Boxes that are not difficult, cut out: one image per object."""

    def samples(self, split: str) -> list[RawSample]:
        """Objects of the `trainval` list, or of the `test` list as test images."""
        images = list_images(self.source.root, "trainval" if split == "train" else "test")
        found: dict[str, list[RawSample]] = {name: [] for name in self.source.classes}
        for entry in images:
            for index, name in enumerate(entry.class_names):
                if name in found and not entry.difficult[index]:
                    sample_id = f"{name}/{entry.id}_{index:02d}"
                    found[name].append(RawSample(sample_id, name, entry.image, entry.annotation, index))
        empty = [name for name, members in found.items() if not members]
        if empty:
            remedy = "A class without images cannot be used: leave it out of `classes`"
            raise InputError(self.source.root / FOLDER, f"has no object of {', '.join(empty)}", remedy)
        return [sample for members in found.values() for sample in members]

    def read(self, sample: RawSample) -> RawImage:
        """The pixels of one box. Raises InputError when a file is damaged or the box lies outside of the image."""
        if sample.annotation is None:
            raise ValueError(f"sample {sample.id} must have an annotation")
        for path in (sample.image, sample.annotation):
            refuse_escape(path, [self.source.root])
        pixels = read_image(sample.image)
        entry = read_objects(sample.image, sample.annotation)
        height, width = pixels.shape[:2]
        if entry.size == (width, height) and width != height:
            raise InputError(sample.annotation, "states the image's width and height swapped", REMEDY)
        x0, y0, x1, y1 = (float(v) for v in entry.boxes[sample.object_index])
        rows = slice(max(math.floor(y0), 0), min(math.ceil(y1), height))
        columns = slice(max(math.floor(x0), 0), min(math.ceil(x1), width))
        cut = pixels[rows, columns]
        if not cut.size:
            raise InputError(sample.annotation, f"box {sample.object_index} lies outside of the image", REMEDY)
        return RawImage(np.ascontiguousarray(cut))
