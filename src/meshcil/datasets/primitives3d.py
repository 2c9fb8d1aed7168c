"""The embedded dataset: twelve Pascal3D+ categories as procedural meshes, written as the real datasets are.

A class may also be one of their subtypes (``car-sedan``): the 99 subtypes make classes that differ by degrees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from meshcil.datasets.primitives.scene import GROUNDED, Scene, compose
from meshcil.datasets.primitives.shapes import (
    CLASSES,
    SUBTYPES,
    Shape,
    build,
    cad_tables,
    known_instance,
    unusual_instance,
)
from meshcil.datasets.primitives.tree import SPLITS, Job, TreeSettings, World, render_tree


@dataclass(frozen=True)
class GeneratorSettings(TreeSettings):
    """What to generate: see `TreeSettings`; classes are a subset of the twelve, or of their subtypes."""

    classes: tuple[str, ...] = CLASSES

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = [name for name in self.classes if name not in CLASSES and name not in SUBTYPES]
        if unknown or not self.classes:
            known = f"{CLASSES} or their subtypes, such as {SUBTYPES[0]}"
            raise ValueError(f"classes must be a non-empty subset of {known}, got {self.classes}")


def image_generator(seed: int, class_name: str, split: str, index: int) -> np.random.Generator:
    """The generator of one image; splits never share a stream."""
    return np.random.default_rng([seed, (*CLASSES, *SUBTYPES).index(class_name), SPLITS.index(split), index])


class Solids(World):
    """Procedural objects."""

    def scene(self, job: Job) -> tuple[Scene, np.random.Generator]:
        """One image of a class; under the nuisance `shape` one of a subtype that training never shows."""
        settings = self.settings
        cad = cad_tables(job.class_name, image_generator(settings.seed, job.class_name, "cad", 0))
        rng = image_generator(settings.seed, job.class_name, job.split, job.index)
        unusual = job.split == "shape"
        shape = (unusual_instance(job.class_name, rng), 1) if unusual else known_instance(job.class_name, cad, rng)
        grounded = job.class_name.partition("-")[0] in GROUNDED
        # Test images stay uniform: a pose that training shows seldom counts like any other.
        azimuths = settings.azimuths if job.split == "train" else ()
        return compose(shape, rng, job.split, settings.image_size, settings.focal, grounded, job.index, azimuths), rng

    def models(self, class_name: str) -> list[Shape]:
        """One per known subtype, with the proportions that images vary."""
        tables = cad_tables(class_name, image_generator(self.settings.seed, class_name, "cad", 0))
        return [build(class_name, table) for table in tables]


def generate(
    root: Path, settings: GeneratorSettings, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the raw tree; see `render_tree`."""
    render_tree(root, Solids(settings), workers, progress)
