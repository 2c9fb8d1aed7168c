"""Writing a rendered dataset: three folders in the layouts of published ones, whatever the objects in them are.

``pascal3d`` has training and test images and CAD models, ``occluded-pascal3d`` every test image at three occlusion
levels, ``ood-cv`` images of five nuisances. Every image has a generator of its own, so that nothing depends on order or
on workers.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from meshcil.core.artifacts import replace_folder
from meshcil.core.errors import InputError
from meshcil.core.processes import mapper
from meshcil.datasets.base import Annotation, counted
from meshcil.datasets.primitives import release
from meshcil.datasets.primitives.occluders import Measure, hidden_share, occlude
from meshcil.datasets.primitives.scene import NUISANCES, Scene
from meshcil.datasets.primitives.shapes import Shape
from meshcil.datasets.windows import cut_mask, locate

SPLITS = ("cad", "train", "val", *NUISANCES)


@dataclass(frozen=True)
class TreeSettings:
    """How many images are rendered, and of which size."""

    classes: tuple[str, ...]  # categories
    train_per_class: int = 80  # training images of each class
    test_per_class: int = 40  # test images of each class
    ood_per_class: int = 20  # images of each class and nuisance
    image_size: tuple[int, int] = (96, 96)  # (H, W) in pixels of the images the preparation will make
    focal: float = 375.0  # focal length in pixels; an extent of 1 covers focal / 5 pixels of a prepared image
    levels: tuple[int, ...] = (1, 2, 3)  # occlusion levels to write
    nuisances: tuple[str, ...] = NUISANCES  # nuisances to write
    seed: int = 0  # other seeds give other objects and other images
    azimuths: tuple[float, ...] = ()  # weights of equal sectors of azimuth, the first from 0; uniform when empty

    def __post_init__(self) -> None:
        if self.azimuths and (min(self.azimuths) < 0 or sum(self.azimuths) <= 0):
            raise ValueError(f"azimuths must be weights of which one is positive, got {self.azimuths}")
        if not set(self.nuisances) <= set(NUISANCES):
            raise ValueError(f"nuisances must be a subset of {NUISANCES}, got {self.nuisances}")
        if not set(self.levels) <= {1, 2, 3}:
            raise ValueError(f"levels must be a subset of (1, 2, 3), got {self.levels}")
        if self.train_per_class < 1 or self.test_per_class < 1 or self.ood_per_class < 0:
            raise ValueError("train_per_class and test_per_class must be at least 1, ood_per_class at least 0")


@dataclass(frozen=True)
class Job:
    """One image to make."""

    class_name: str
    split: str
    index: int

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"{self.class_name}-{self.split}-{self.index:04d}"


class World(ABC):
    """What is rendered. Worlds travel to other processes."""

    def __init__(self, settings: TreeSettings) -> None:
        self.settings = settings

    @abstractmethod
    def scene(self, job: Job) -> tuple[Scene, np.random.Generator]:
        """One image, and its generator as the image left it: the occluders draw from there."""

    @abstractmethod
    def models(self, class_name: str) -> list[Shape]:
        """CAD models of a class, which give its cuboid."""


def _jobs(settings: TreeSettings) -> Iterator[Job]:
    counts = {"train": settings.train_per_class, "val": settings.test_per_class}
    counts |= dict.fromkeys(settings.nuisances, settings.ood_per_class)
    for class_name in settings.classes:
        for split, count in counts.items():
            yield from (Job(class_name, split, index) for index in range(count))


def _prepared_share(scene: Scene, settings: TreeSettings) -> Measure:
    """Measures occlusion on the prepared pixels: resampling a thin object would move it out of its level."""
    view = scene.view
    annotation = Annotation(
        class_name="",
        azimuth=view.azimuth,
        elevation=view.elevation,
        theta=view.theta,
        distance=view.distance,
        focal=view.focal,
        principal=view.principal,
        bbox=release.bounding_box(scene.mask),
        cad_index=scene.cad_index,
    )
    window = locate(scene.mask.shape, annotation, settings.image_size, settings.focal)
    whole = cut_mask(scene.mask, window)
    return lambda occluders: hidden_share(whole, cut_mask(occluders, window))


def _make(root: Path, world: World, job: Job) -> None:
    """Render one image and write it with its annotation; a test image also with its occluded copies."""
    settings, (scene, rng) = world.settings, world.scene(job)
    file_name = f"{job.name}.JPEG"
    ood = job.split in NUISANCES
    folder = root / ("ood-cv" if ood else "pascal3d")
    images, annotations = ("images", "annotations") if ood else ("Images", "Annotations")
    group = job.class_name if ood else f"{job.class_name}_imagenet"
    release.write_jpeg(folder / images / group / file_name, scene.image)
    record = release.annotation_bytes(job.class_name, file_name, scene)
    release.write_file(folder / annotations / group / f"{job.name}.mat", record)
    if job.split != "val":
        return
    for level in settings.levels:
        copy = occlude(scene.image, scene.mask, level, rng, _prepared_share(scene, settings))
        group = f"{job.class_name}FGL{level}_BGL{level}"
        occluded = root / "occluded-pascal3d"
        release.write_jpeg(occluded / "images" / group / file_name, copy.image)
        data = release.occlusion_bytes(file_name, scene.mask, copy)
        release.write_file(occluded / "annotations" / group / f"{job.name}.npz", data)


def _write_lists(root: Path, settings: TreeSettings) -> None:
    names: dict[tuple[str, str], list[str]] = {}
    for job in _jobs(settings):
        names.setdefault((job.class_name, job.split), []).append(job.name)
    for class_name in settings.classes:
        sets = root / "pascal3d" / "Image_sets"
        for split in ("train", "val"):
            release.write_file(sets / f"{class_name}_imagenet_{split}.txt", _lines(names[class_name, split]))
        copies = _lines([f"{name}.JPEG" for name in names[class_name, "val"]])
        for level in settings.levels:
            release.write_file(root / "occluded-pascal3d/lists" / f"{class_name}FGL{level}_BGL{level}.txt", copies)
        lists = root / "ood-cv" / "lists"
        found = {n: [f"{name} 0" for name in names.get((class_name, n), [])] for n in settings.nuisances}
        for nuisance, entries in found.items():
            release.write_file(lists / f"{class_name}_{nuisance}.txt", _lines(entries))
        release.write_file(lists / f"{class_name}_all.txt", _lines([e for entries in found.values() for e in entries]))


def _lines(entries: list[str]) -> bytes:
    return "".join(f"{entry}\n" for entry in entries).encode()


def render_tree(root: Path, world: World, workers: int = 1, progress: Callable[[int, int], None] | None = None) -> None:
    """Write the raw tree; it appears under its name only when it is complete, and does not depend on ``workers``.

    ``progress`` is called with (images done, images in all). Raises InputError when ``root`` is a file or a folder with
    content, or cannot be written.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(root, "exists already", "Remove it, or choose another folder for the generated data")
    jobs = list(_jobs(world.settings))
    with replace_folder(root) as folder:
        for class_name in world.settings.classes:
            for number, shape in enumerate(world.models(class_name), start=1):
                release.write_off(folder / "pascal3d/CAD" / class_name / f"{number:02d}.off", shape)
        with mapper(workers) as each:
            list(counted(each(partial(_make, folder, world), jobs), len(jobs), progress))
        _write_lists(folder, world.settings)
