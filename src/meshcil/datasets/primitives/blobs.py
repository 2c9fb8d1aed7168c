"""Textured things of no class: the clutter behind objects and the occluders in front of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from meshcil.datasets.primitives import textures


@dataclass(frozen=True)
class Blob:
    """A silhouette inside a window of an image.

    Attributes:
        rows: first and last + 1 row of the window.
        columns: first and last + 1 column of the window.
        offset: position relative to the centre in units of the radius, (rows, columns), float [2, h, w].
        reach: distance from the centre relative to the outline's, float [h, w].
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    offset: Float[np.ndarray, "2 h w"]
    reach: Float[np.ndarray, "h w"]

    def window(self) -> tuple[slice, slice]:
        """Index of the window in the image."""
        return slice(*self.rows), slice(*self.columns)

    def mask(self) -> Bool[np.ndarray, "h w"]:
        """Pixels inside the outline."""
        return self.reach <= 1


def _radius(rng: np.random.Generator, angle: np.ndarray) -> np.ndarray:
    """Relative outline radius in (0, 1] over the angle: pebble, leaf, polygon or star."""
    phase = rng.uniform(0, 2 * np.pi)
    match int(rng.integers(4)):
        case 0:
            outline = 1.0 + sum(
                rng.uniform(0, 0.35 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in (2, 3, 4, 5)
            )
        case 1:
            squeeze = rng.uniform(0.35, 0.9)
            outline = squeeze / np.sqrt((squeeze * np.cos(angle + phase)) ** 2 + np.sin(angle + phase) ** 2)
        case 2:
            sides = int(rng.integers(3, 7))
            sector = (angle + phase) % (2 * np.pi / sides) - np.pi / sides
            outline = np.cos(np.pi / sides) / np.cos(sector)
        case _:
            points = int(rng.integers(3, 7))
            outline = 0.8 + rng.uniform(0.1, 0.2) * np.cos(points * angle + phase)
    return outline / np.max(outline)


def blob(rng: np.random.Generator, center: tuple[float, float], radius: float, height: int, width: int) -> Blob | None:
    """A random silhouette about ``center`` (row, column), or None when it lies outside the image."""
    r0, r1 = max(int(center[0] - radius), 0), min(int(center[0] + radius) + 2, height)
    c0, c1 = max(int(center[1] - radius), 0), min(int(center[1] + radius) + 2, width)
    if r1 - r0 < 2 or c1 - c0 < 2:
        return None
    y, x = np.mgrid[r0:r1, c0:c1].astype(float)
    y, x = (y + 0.5 - center[0]) / radius, (x + 0.5 - center[1]) / radius
    reach = np.hypot(y, x) / np.maximum(_radius(rng, np.arctan2(y, x)), 1e-6)
    return Blob((r0, r1), (c0, c1), np.stack([y, x]), reach)


def paint(image: Float[np.ndarray, "H W 3"], thing: Blob, rng: np.random.Generator, kinds: tuple) -> None:
    """Draw a silhouette over the image in place, textured and shaded like a bulging surface.

    Args:
        image: float RGB in [0, 1].
        thing: what to draw.
        rng: source of randomness.
        kinds: textures to choose from.
    """
    light, relief = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8)
    bulge = np.sqrt(np.clip(1 - thing.reach**2, 0, 1))
    slope = np.sin(light) * thing.offset[0] + np.cos(light) * thing.offset[1]
    shade = (1 - relief) + relief * np.clip(0.55 * bulge + 0.5 + 0.5 * slope, 0, 1.25)
    rgb = np.clip(textures.any_of(kinds, rng, *thing.reach.shape) * shade[..., None], 0, 1)
    window = thing.window()
    image[window] = np.where(thing.mask()[..., None], rgb, image[window])
