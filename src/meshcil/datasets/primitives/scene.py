"""One image: an object, a viewpoint, a light and a background drawn from a generator, rendered and composed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from meshcil.datasets.primitives import backgrounds, nuisances
from meshcil.datasets.primitives.raycast import Lighting, Viewpoint, render
from meshcil.datasets.primitives.shapes import known_instance, palette, unusual_instance
from meshcil.datasets.primitives.subtypes import Table

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
    rng: np.random.Generator, image_size: tuple[int, int], focal: float, odd: bool
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
        azimuth=rng.uniform(0, 2 * np.pi),
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
    class_name: str,
    cad: list[Table],
    rng: np.random.Generator,
    *,
    image_size: tuple[int, int],
    focal: float,
    nuisance: str | None = None,
    kind: int = 0,
) -> Scene:
    """Draw and render one image.

    Args:
        class_name: category of the object.
        cad: proportions of the class's CAD models.
        rng: the image's own generator.
        image_size: (H, W) of the prepared image in pixels.
        focal: focal length in pixels at which an extent of 1 at distance 5 covers focal / 5 pixels.
        nuisance: one of ``NUISANCES`` or None.
        kind: which weather.
    """
    if nuisance == "shape":
        shape, cad_index = unusual_instance(class_name, rng), 1
    else:
        shape, cad_index = known_instance(class_name, cad, rng)
    view, (height, width) = _viewpoint(rng, image_size, focal, nuisance == "pose")
    ground = rng.uniform(0.3, 0.6) * (rng.random() < 0.75) if class_name in GROUNDED else 0.0
    texture = nuisances.surface_texture(rng) if nuisance == "texture" else None
    layer = render(shape, palette(shape, rng), view, draw_light(rng), (height, width), ground=ground, texture=texture)
    draw = backgrounds.odd_context if nuisance == "context" else backgrounds.cluttered
    background = draw(rng, height, width) * layer.shadow[..., None]
    image = layer.rgb + (1 - layer.coverage[..., None]) * background
    if nuisance == "weather":
        # Slow to import (torch), and only this nuisance needs it.
        from meshcil.datasets.primitives.weather import weather

        image = weather(image, kind, rng)
    image = image * rng.uniform(0.9, 1.15) + rng.normal(0, 0.012, image.shape)
    return Scene(np.clip(image, 0, 1), layer.mask(), view, cad_index)
