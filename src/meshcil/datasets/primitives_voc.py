"""The embedded detection set: several rendered objects per image, written as Pascal VOC 2007 is.

Images differ in size, objects do not overlap, every object has a box of its visible pixels. Each image has a generator
of its own, seeded by (seed, split, index), so nothing depends on order or on workers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float

from meshcil.core.processes import mapper
from meshcil.datasets.base import counted
from meshcil.datasets.primitives import backgrounds, release
from meshcil.datasets.primitives.raycast import Viewpoint, render
from meshcil.datasets.primitives.scene import ELEVATION, THETA, draw_light
from meshcil.datasets.primitives.shapes import CLASSES, cad_tables, known_instance, palette

FOLDER = Path("VOCdevkit/VOC2007")
SPLITS = ("trainval", "test")
OBJECTS = (1, 3)
"""Objects per image: at least, at most."""
EXTENT = (0.34, 0.6)
"""Side of an object's square, as a share of the image's shorter side."""
_DISTANCE = 5.0
_ATTEMPTS = 30


@dataclass(frozen=True)
class GeneratorSettings:
    """What to generate."""

    classes: tuple[str, ...] = ("aeroplane", "bottle", "car", "chair")  # categories, a subset of those of primitives3d
    # images of the trainval list per class; an image is counted for the class it is drawn for
    train_per_class: int = 60
    test_per_class: int = 25  # images of the test list per class, likewise
    image_size: tuple[int, int] = (128, 128)  # (H, W) in pixels; images are up to a fifth smaller or larger
    seed: int = 0  # other seeds give other images

    def __post_init__(self) -> None:
        unknown = [name for name in self.classes if name not in CLASSES]
        if unknown or not self.classes:
            raise ValueError(f"classes must be a non-empty subset of {CLASSES}, got {self.classes}")
        if self.train_per_class < 1 or self.test_per_class < 1:
            raise ValueError("train_per_class and test_per_class must be at least 1")


@dataclass(frozen=True)
class Placed:
    """One object of an image: its class and its box x0, y0, x1, y1 in pixels from 0, x1 and y1 exclusive."""

    class_name: str
    box: tuple[int, int, int, int]


def generate(
    root: Path, settings: GeneratorSettings, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the tree, whatever the number of processes. Raises InputError when the folder cannot be written."""
    jobs = [(split, index) for split in SPLITS for index in range(_count(settings, split))]
    make = partial(_make, root, settings)
    with mapper(workers) as each:
        list(counted(each(make, jobs), len(jobs), progress))
    for split in SPLITS:
        names = "".join(f"{_name(split, index)}\n" for kind, index in jobs if kind == split)
        release.write_file(root / FOLDER / "ImageSets" / "Main" / f"{split}.txt", names.encode())


def _count(settings: GeneratorSettings, split: str) -> int:
    each = settings.train_per_class if split == "trainval" else settings.test_per_class
    return each * len(settings.classes)


def _name(split: str, index: int) -> str:
    return f"{SPLITS.index(split)}{index:05d}"


def _make(root: Path, settings: GeneratorSettings, job: tuple[str, int]) -> None:
    split, index = job
    rng = np.random.default_rng([settings.seed, 7, SPLITS.index(split), index])
    image, placed = compose(settings, index % len(settings.classes), rng)
    name = _name(split, index)
    release.write_jpeg(root / FOLDER / "JPEGImages" / f"{name}.jpg", image)
    record = annotation(f"{name}.jpg", image.shape[:2], placed)
    release.write_file(root / FOLDER / "Annotations" / f"{name}.xml", record)


def compose(
    settings: GeneratorSettings, first: int, rng: np.random.Generator
) -> tuple[Float[np.ndarray, "H W 3"], list[Placed]]:
    """Draw and render one image: ``first`` is the class of its first object, the others are drawn."""
    height, width = (round(side * rng.uniform(0.8, 1.2)) for side in settings.image_size)
    image = backgrounds.cluttered(rng, height, width)
    placed: list[Placed] = []
    taken: list[tuple[int, int, int]] = []
    for number in range(int(rng.integers(OBJECTS[0], OBJECTS[1] + 1))):
        side = round(min(height, width) * rng.uniform(*EXTENT))
        corner = _free_corner(rng, height, width, side, taken)
        if corner is None:
            break
        which = first if number == 0 else int(rng.integers(len(settings.classes)))
        top, left = corner
        window = image[top : top + side, left : left + side]
        box = _paste(window, settings.classes[which], rng, settings.seed)
        taken.append((top, left, side))
        if box is not None:
            x0, y0, x1, y1 = box
            placed.append(Placed(settings.classes[which], (left + x0, top + y0, left + x1, top + y1)))
    image = image * rng.uniform(0.9, 1.15) + rng.normal(0, 0.012, image.shape)
    return np.clip(image, 0, 1), placed


def _free_corner(
    rng: np.random.Generator, height: int, width: int, side: int, taken: list[tuple[int, int, int]]
) -> tuple[int, int] | None:
    for _ in range(_ATTEMPTS):
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        if all(top + side <= t or t + s <= top or left + side <= at or at + s <= left for t, at, s in taken):
            return top, left
    return None


def _paste(
    window: Float[np.ndarray, "S S 3"], class_name: str, rng: np.random.Generator, seed: int
) -> tuple[int, int, int, int] | None:
    """Render one object over ``window``, in place; its box in the window, None when it shows no pixel."""
    side = len(window)
    # As in primitives3d the proportions of a class's CAD models follow from the seed alone.
    cad = cad_tables(class_name, np.random.default_rng([seed, CLASSES.index(class_name), 0, 0]))
    shape, _ = known_instance(class_name, cad, rng)
    view = Viewpoint(
        azimuth=rng.uniform(0, 2 * np.pi),
        elevation=float(np.deg2rad(rng.uniform(*ELEVATION))),
        theta=float(np.deg2rad(rng.uniform(*THETA))),
        distance=_DISTANCE,
        focal=0.8 * side * _DISTANCE,
        principal=(side / 2, side / 2),
    )
    layer = render(shape, palette(shape, rng), view, draw_light(rng), (side, side), ground=0.0, texture=None)
    window[:] = layer.rgb + (1 - layer.coverage[..., None]) * window
    mask = layer.mask()
    x0, y0, x1, y1 = map(int, release.bounding_box(mask))
    return (x0, y0, x1 + 1, y1 + 1) if mask.any() else None


def annotation(file_name: str, size: tuple[int, int], placed: list[Placed]) -> bytes:
    """A VOC annotation: pixels are numbered from 1 and both corners belong to a box."""
    root = ElementTree.Element("annotation")
    for tag, text in (("folder", "VOC2007"), ("filename", file_name)):
        ElementTree.SubElement(root, tag).text = text
    stated = ElementTree.SubElement(root, "size")
    for tag, value in (("width", size[1]), ("height", size[0]), ("depth", 3)):
        ElementTree.SubElement(stated, tag).text = str(value)
    for entry in placed:
        item = ElementTree.SubElement(root, "object")
        for tag, text in (("name", entry.class_name), ("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            ElementTree.SubElement(item, tag).text = text
        corners = ElementTree.SubElement(item, "bndbox")
        x0, y0, x1, y1 = entry.box
        for tag, value in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
            ElementTree.SubElement(corners, tag).text = str(value)
    ElementTree.indent(root)
    return ElementTree.tostring(root) + b"\n"
