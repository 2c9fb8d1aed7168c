"""One image: an object, a viewpoint, a light and a background drawn from a generator, rendered and composed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from meshcil.datasets.primitives import backgrounds, nuisances
from meshcil.datasets.primitives.raycast import Lighting, Viewpoint, render
from meshcil.datasets.primitives.shapes import Shape, palette

# Ranges of training and test: degrees, degrees, CAD units.
ELEVATION = (-5.0, 30.0)
THETA = (-6.0, 6.0)
DISTANCE = (4.5, 5.6)
GROUNDED = frozenset(
    {"bicycle", "bottle", "bus", "car", "chair", "diningtable", "motorbike", "sofa", "train", "tvmonitor"}
)


@dataclass(frozen=True)
class Scene:
    """A finished image with its annotation.

    Attributes:
        image: float [H, W, 3] in [0, 1].
        mask: pixels that show the object, bool [H, W].
        view: the viewpoint.
        cad_index: 1-based index of the closest CAD model.
    """

    image: Float[np.ndarray, "H W 3"]
    mask: Bool[np.ndarray, "H W"]
    view: Viewpoint
    cad_index: int


def _viewpoint(
    rng: np.random.Generator, image_size: tuple[int, int], focal: float, odd: bool, azimuths: Sequence[float]
) -> tuple[Viewpoint, tuple[int, int]]:
    """A viewpoint and an image size (height, width) that often, but not always, covers the prepared window."""
    distance = rng.uniform(*DISTANCE)
    if odd:
        elevation, theta = nuisances.odd_pose(rng, ELEVATION, THETA)
    else:
        elevation, theta = rng.uniform(*ELEVATION), rng.uniform(*THETA)
    height, width = (round(side * 5.0 / distance * rng.uniform(0.98, 1.25)) for side in image_size)
    shift = 0.05 * min(image_size)
    principal = (width / 2 + rng.uniform(-shift, shift), height / 2 + rng.uniform(-shift, shift))
    view = Viewpoint(
        azimuth=_azimuth(rng, azimuths),
        elevation=float(np.deg2rad(elevation)),
        theta=float(np.deg2rad(theta)),
        distance=distance,
        focal=focal,
        principal=principal,
    )
    return view, (height, width)


def draw_light(rng: np.random.Generator) -> Lighting:
    """A lamp from above, and how much light comes from elsewhere."""
    around, above = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.uniform(25, 75))
    direction = np.array([np.cos(above) * np.cos(around), np.cos(above) * np.sin(around), np.sin(above)])
    return Lighting(direction, ambient=rng.uniform(0.45, 0.65), gloss=rng.uniform(0.0, 0.4))


def compose(
    instance: tuple[Shape, int],
    rng: np.random.Generator,
    split: str,
    image_size: tuple[int, int],
    focal: float,
    grounded: bool,
    kind: int = 0,
    azimuths: Sequence[float] = (),
) -> Scene:
    """Render one image of an object, with everything else drawn.

    Args:
        instance: the object, and the 1-based index of its CAD model.
        rng: the image's own generator.
        split: a nuisance, or a split without one.
        image_size: (H, W) of the prepared image in pixels.
        focal: focal length in pixels at which an extent of 1 at distance 5 covers focal / 5 pixels.
        grounded: it may stand on a ground that takes its shadow.
        kind: which weather.
        azimuths: weights of equal sectors of azimuth, the first from 0; uniform when empty.
    """
    shape, cad_index = instance
    view, (height, width) = _viewpoint(rng, image_size, focal, split == "pose", azimuths)
    ground = rng.uniform(0.3, 0.6) * (rng.random() < 0.75) if grounded else 0.0
    texture = nuisances.surface_texture(rng) if split == "texture" else None
    layer = render(shape, palette(shape, rng), view, draw_light(rng), (height, width), ground=ground, texture=texture)
    draw = backgrounds.odd_context if split == "context" else backgrounds.cluttered
    background = draw(rng, height, width) * layer.shadow[..., None]
    image = layer.rgb + (1 - layer.coverage[..., None]) * background
    if split == "weather":
        # Slow to import (torch), and only this nuisance needs it.
        from meshcil.datasets.primitives.weather import weather

        image = weather(image, kind, rng)
    image = image * rng.uniform(0.9, 1.15) + rng.normal(0, 0.012, image.shape)
    return Scene(np.clip(image, 0, 1), layer.mask(), view, cad_index)


def _azimuth(rng: np.random.Generator, weights: Sequence[float]) -> float:
    if not weights:
        return rng.uniform(0, 2 * np.pi)
    sector = rng.choice(len(weights), p=np.asarray(weights) / sum(weights))
    return float((sector + rng.uniform()) / len(weights) * 2 * np.pi)
