"""Images rendered from any folder of CAD models, in the layouts of the released datasets.

The folder has ``<class>/<NN>.off``. Of a class's models the last ones are shown in test images only, so that test
shapes are new; those of training give the class's cuboid. A class with a single model shows it in both.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import trimesh

from meshcil.core.errors import InputError
from meshcil.datasets.cad import model_files, read_mesh
from meshcil.datasets.primitives.scene import Scene, compose
from meshcil.datasets.primitives.shapes import Shape
from meshcil.datasets.primitives.tree import SPLITS, Job, TreeSettings, World, render_tree

ROLES = ("body", "accent", "trim", "dark")


@dataclass(frozen=True)
class GeneratorSettings(TreeSettings):
    """What to render."""

    models: str = ""  # folder of the CAD models
    test_models: float = 1 / 3  # share of a class's models that test images alone show, rounded up

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.classes or not self.models:
            raise ValueError("classes and models must not be empty")


@lru_cache(maxsize=32)
def load_shape(path: Path) -> Shape:
    """A model, centred, its largest extent 1, its parts coloured alike where they hang together.

    Raises InputError when the file is damaged or has no surface.
    """
    vertices, faces = read_mesh(path)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    if not len(faces) or not (high - low).max() > 0:
        raise InputError(path, "has no surface", "Leave the model out of the folder")
    joined = trimesh.Trimesh(vertices, faces, process=False)
    joined.merge_vertices()  # many files repeat a vertex for each face that meets there
    parts = trimesh.graph.connected_component_labels(joined.face_adjacency, len(faces))
    _, sizes = np.unique(parts, return_counts=True)
    # The largest part is the body; the others take materials by turns, the same in every image.
    ranks = np.empty(len(sizes), np.int64)
    ranks[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    roles = np.where(ranks == 0, 0, (ranks - 1) % (len(ROLES) - 1) + 1)
    return Shape((vertices - (low + high) / 2) / (high - low).max(), faces, ROLES, roles[parts])


def split_models(folder: Path, share: float) -> tuple[list[Path], list[Path]]:
    """Models of a class for training and for test. Raises InputError when the folder is missing or holds no model."""
    paths = model_files(folder)
    kept = max(len(paths) - max(math.ceil(share * len(paths)), 1), 1)
    return paths[:kept], paths[kept:] or paths


class Models(World):
    """Objects of a folder of CAD models."""

    settings: GeneratorSettings

    def scene(self, job: Job) -> tuple[Scene, np.random.Generator]:
        """One image; proportions vary by a few percent, and far more under the nuisance `shape`."""
        settings = self.settings
        seeds = [settings.seed, settings.classes.index(job.class_name), SPLITS.index(job.split), job.index]
        rng = np.random.default_rng(seeds)
        train, test = split_models(Path(settings.models) / job.class_name, settings.test_models)
        chosen = train if job.split == "train" else test
        index = int(rng.integers(len(chosen)))
        factors = rng.uniform(0.95, 1.05, 3)
        if job.split == "shape":
            factors[rng.integers(3)] *= rng.uniform(0.5, 0.65)
        shape = load_shape(chosen[index])
        scaled = shape.vertices * factors
        shape = replace(shape, vertices=scaled / np.ptp(scaled, axis=0).max())
        number = index + 1 if chosen is train else 0
        size, focal = settings.image_size, settings.focal
        return compose((shape, number), rng, job.split, size, focal, True, job.index, settings.azimuths), rng

    def models(self, class_name: str) -> list[Shape]:
        """Those of training."""
        train, _ = split_models(Path(self.settings.models) / class_name, self.settings.test_models)
        return [load_shape(path) for path in train]


def generate(
    root: Path, settings: GeneratorSettings, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the raw tree; see `render_tree`. Raises InputError when a class has no models, or one is damaged."""
    world = Models(settings)
    for class_name in settings.classes:
        world.models(class_name)
    render_tree(root, world, workers, progress)
