"""One image: an object, a viewpoint, a light and a background drawn from a generator, rendered and composed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from meshcil.datasets.primitives import backgrounds, textures
from meshcil.datasets.primitives.raycast import Lighting, Viewpoint, render
from meshcil.datasets.primitives.shapes import Shape, palette

NUISANCES = ("shape", "pose", "texture", "context", "weather")


def surface_texture(rng: np.random.Generator) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A solid texture in CAD axes: stripes, checks, spots or marble, over most of the material's colour."""
    first, second = textures.colour(rng, (0.3, 1.0)), textures.colour(rng, (0.3, 1.0))
    kind = int(rng.integers(4))
    frequency, strength = rng.uniform(7, 16), rng.uniform(0.55, 0.8)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    waves = rng.normal(size=(5, 3)) * 9
    phases = rng.uniform(0, 2 * np.pi, 5)

    def paint(points: Float[np.ndarray, "N 3"], albedo: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        match kind:
            case 0:
                amount = (np.sin(points @ axis * 2 * np.pi * frequency) > 0).astype(float)
            case 1:
                amount = np.floor(points * frequency + 1e-4).sum(axis=1) % 2
            case 2:
                cell = (points * frequency * 0.7) % 1 - 0.5
                amount = (np.linalg.norm(cell, axis=1) < 0.38).astype(float)
            case _:
                amount = 0.5 + 0.5 * np.sin(4 * np.sin(points @ waves.T + phases).sum(axis=1))
        pattern = first + amount[:, None] * (second - first)
        return (1 - strength) * albedo + strength * pattern

    return paint


def odd_pose(
    rng: np.random.Generator, elevation: tuple[float, float], theta: tuple[float, float]
) -> tuple[float, float]:
    """Elevation and in-plane rotation in degrees, at least one of them far outside of its training range."""
    steep = rng.uniform(48, 68) if rng.random() < 0.7 else rng.uniform(-32, -20)
    rolled = rng.choice((-1.0, 1.0)) * rng.uniform(20, 40)
    kind = int(rng.integers(3))
    chosen = rng.uniform(*elevation) if kind == 1 else steep
    turned = rng.uniform(*theta) if kind == 0 else rolled
    return float(chosen), float(turned)


# Ranges of training and test: degrees, degrees, CAD units.
ELEVATION = (-5.0, 30.0)
THETA = (-6.0, 6.0)
DISTANCE = (4.5, 5.6)
GROUNDED = frozenset(
    {"bicycle", "bottle", "bus", "car", "chair", "diningtable", "motorbike", "sofa", "train", "tvmonitor"}
)


@dataclass(frozen=True)
class Scene:
    """A finished image with its annotation."""

    image: Float[np.ndarray, "H W 3"]  # float [H, W, 3] in [0, 1]
    mask: Bool[np.ndarray, "H W"]  # pixels that show the object, bool [H, W]
    view: Viewpoint  # the viewpoint
    cad_index: int  # 1-based index of the closest CAD model


def _viewpoint(
    rng: np.random.Generator, image_size: tuple[int, int], focal: float, odd: bool, azimuths: Sequence[float]
) -> tuple[Viewpoint, tuple[int, int]]:
    """A viewpoint and an image size (height, width) that often, but not always, covers the prepared window."""
    distance = rng.uniform(*DISTANCE)
    if odd:
        elevation, theta = odd_pose(rng, ELEVATION, THETA)
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
    """Render one image of an object, given with the 1-based index of its CAD model; everything else is drawn.

    ``split`` is a nuisance or a split without one, ``kind`` chooses the weather. ``image_size`` is the prepared (H, W)
    in pixels; at ``focal`` pixels an extent of 1 at distance 5 covers focal / 5 pixels. A ``grounded`` object may stand
    on a ground that takes its shadow. ``azimuths`` weighs equal sectors, the first from 0; uniform when empty.
    """
    shape, cad_index = instance
    view, (height, width) = _viewpoint(rng, image_size, focal, split == "pose", azimuths)
    ground = rng.uniform(0.3, 0.6) * (rng.random() < 0.75) if grounded else 0.0
    texture = surface_texture(rng) if split == "texture" else None
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
