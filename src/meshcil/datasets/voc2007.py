"""Pascal VOC 2007 detection, by torchvision's class.

Tree: ``VOCdevkit/VOC2007/{JPEGImages,Annotations,ImageSets/Main}`` with the lists ``trainval.txt`` and ``test.txt``.
Detection works on whole images and their boxes (`list_images`); as a classification data set, each box that is not
marked difficult is one image.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError, parse

import numpy as np
from jaxtyping import Bool, Float
from torchvision.datasets import VOCDetection

from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import REMEDY, RawImage, RawSample, read_image, refuse_escape, require_folder

FOLDER = Path("VOCdevkit/VOC2007")


@dataclass(frozen=True)
class DetectionImage:
    """One image and its objects.

    Attributes:
        id: file name without its ending.
        image: path.
        annotation: path of the XML file.
        size: (H, W) in pixels as the annotation states it.
        class_names: one per object.
        boxes: float32 [n, 4]; x0, y0, x1, y1 in pixels from 0, x1 and y1 exclusive.
        difficult: bool [n]; not counted in evaluation.
    """

    id: str
    image: Path
    annotation: Path
    size: tuple[int, int]
    class_names: tuple[str, ...]
    boxes: Float[np.ndarray, "n 4"]
    difficult: Bool[np.ndarray, " n"]


def list_images(root: Path, image_set: str) -> list[DetectionImage]:
    """Images of a list with their objects, in the order of the list.

    Args:
        root: folder that holds ``VOCdevkit``.
        image_set: "train", "val", "trainval" or "test".

    Raises:
        InputError: when a folder, list or annotation is missing or damaged.
    """
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        require_folder(root / FOLDER / folder, f"VOC 2007 {folder}")
    listed = root / FOLDER / "ImageSets" / "Main" / f"{image_set}.txt"
    if not listed.is_file():
        raise InputError(listed, "is missing", "Unpack the VOC 2007 archive that has it (VOCtrainval, VOCtest)")
    data = VOCDetection(str(root), year="2007", image_set=image_set, download=False)
    return [read_objects(Path(i), Path(a)) for i, a in zip(data.images, data.annotations, strict=True)]


def read_objects(image: Path, annotation: Path) -> DetectionImage:
    """Read one XML annotation.

    Raises:
        InputError: when it is missing or damaged, or a box is empty.
    """
    if not annotation.is_file():
        raise InputError(annotation, "is missing" if not annotation.exists() else "is not a file", REMEDY)
    try:
        content = VOCDetection.parse_voc_xml(parse(annotation).getroot())["annotation"]
        objects: list[dict[str, Any]] = content.get("object") or []
        corners = [[float(o["bndbox"][k]) for k in ("xmin", "ymin", "xmax", "ymax")] for o in objects]
        # Pixels are numbered from 1 and both corners belong to the box.
        boxes = np.array(corners, dtype=np.float32).reshape(-1, 4) - np.array([1, 1, 0, 0], dtype=np.float32)
        size = (int(content["size"]["height"]), int(content["size"]["width"]))
        names = tuple(str(o["name"]) for o in objects)
        difficult = np.array([o.get("difficult", "0") == "1" for o in objects], dtype=bool)
    except (ParseError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(annotation, f"cannot be read as a VOC annotation ({error!r})", REMEDY) from error
    if not (np.isfinite(boxes).all() and (boxes[:, 2:] > boxes[:, :2]).all()):
        raise InputError(annotation, "has an empty box", REMEDY)
    return DetectionImage(image.stem, image, annotation, size, names, boxes, difficult)


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
        """The pixels of one box.

        Raises:
            InputError: when a file is damaged or the box lies outside of the image.
        """
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
