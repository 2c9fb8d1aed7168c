"""Two-dimensional procedural textures, float RGB images in [0, 1], and textured things of no class.

The things are clutter behind objects and occluders in front of them. All is drawn from the caller's generator.
"""

import colorsys
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

RGB = Float[np.ndarray, "H W 3"]
Grey = Float[np.ndarray, "H W"]


def colour(
    rng: np.random.Generator,
    saturation: tuple[float, float] = (0.05, 0.8),
    value: tuple[float, float] = (0.15, 0.95),
    hue: tuple[float, float] = (0.0, 1.0),
) -> Float[np.ndarray, "3"]:
    """A random colour with its HSV components in the given ranges."""
    return np.array(colorsys.hsv_to_rgb(rng.uniform(*hue) % 1.0, rng.uniform(*saturation), rng.uniform(*value)))


def noise(rng: np.random.Generator, height: int, width: int, cells: float, octaves: int = 3) -> Grey:
    """Value noise stretched to [0, 1].

    ``cells`` of the coarsest octave lie along the longer side; each further octave halves the cell and the amplitude.
    """
    total = np.zeros((height, width))
    longer = max(height, width)
    for octave in range(octaves):
        n = cells * 2**octave
        shape = (max(int(n * height / longer) + 2, 2), max(int(n * width / longer) + 2, 2))
        lattice = Image.fromarray(rng.random(shape).astype(np.float32))
        total += np.asarray(lattice.resize((width, height), Image.Resampling.BICUBIC), float) / 2**octave
    total -= total.min()
    return total / max(total.max(), 1e-9)


def mix(amount: Grey, first: Float[np.ndarray, "3"], second: Float[np.ndarray, "3"]) -> RGB:
    """Blend from ``first`` (amount 0) to ``second`` (amount 1)."""
    return first + amount[..., None] * (second - first)


def _turned(rng: np.random.Generator, height: int, width: int) -> tuple[Grey, Grey]:
    """Pixel coordinates in a randomly turned frame."""
    y, x = np.mgrid[:height, :width].astype(float)
    angle = rng.uniform(0, np.pi)
    return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x


def gradient(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A linear ramp between two colours."""
    along, _ = _turned(rng, height, width)
    amount = (along - along.min()) / max(np.ptp(along), 1e-9)
    return mix(amount, colour(rng), colour(rng))


def cloudy(rng: np.random.Generator, height: int, width: int) -> RGB:
    """Noise between three colours."""
    base = mix(noise(rng, height, width, rng.uniform(1.5, 5)), colour(rng), colour(rng))
    speck = noise(rng, height, width, rng.uniform(8, 24), octaves=2)
    return mix(np.clip(speck * 2 - 0.9, 0, 1), np.zeros(3), colour(rng)) * 0.35 + base * 0.75


def stripes(rng: np.random.Generator, height: int, width: int) -> RGB:
    """Parallel bands of two colours."""
    along, _ = _turned(rng, height, width)
    wave = np.sin(along * 2 * np.pi / rng.uniform(5, 16) + rng.uniform(0, 6))
    return mix(np.clip(wave * 2 + 0.5, 0, 1), colour(rng), colour(rng))


def checks(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A turned checkerboard of two colours."""
    along, across = _turned(rng, height, width)
    size = rng.uniform(4, 13)
    odd = (np.floor(along / size) + np.floor(across / size)) % 2
    return mix(odd, colour(rng), colour(rng))


def dots(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A turned lattice of discs."""
    along, across = _turned(rng, height, width)
    size = rng.uniform(7, 16)
    distance = np.hypot(along % size - size / 2, across % size - size / 2)
    return mix(np.clip(size * 0.33 - distance + 0.5, 0, 1), colour(rng), colour(rng))


def rings(rng: np.random.Generator, height: int, width: int) -> RGB:
    """Concentric rings about a random centre."""
    y, x = np.mgrid[:height, :width].astype(float)
    distance = np.hypot(y - rng.uniform(0, height), x - rng.uniform(0, width))
    wave = np.sin(distance * 2 * np.pi / rng.uniform(7, 18) + rng.uniform(0, 6))
    return mix(np.clip(wave * 2 + 0.5, 0, 1), colour(rng), colour(rng))


PLAIN = (gradient, cloudy)
PATTERNS = (stripes, checks, dots, rings)


def any_of(kinds: tuple, rng: np.random.Generator, height: int, width: int) -> RGB:
    """A texture of one of the given kinds."""
    return kinds[int(rng.integers(len(kinds)))](rng, height, width)


def fill_texture(key: str, height: int, width: int) -> RGB:
    """The texture that replaces the padded border of a prepared image, a function of its key alone.

    It stands for the DTD textures of iNeMo. Keys "<split>/<image id>" that differ in the split give independent
    textures, so training and test never share one.
    """
    rng = np.random.default_rng(np.frombuffer(key.encode(), dtype=np.uint8))
    return np.clip(any_of((*PLAIN, *PATTERNS), rng, height, width), 0, 1)


@dataclass(frozen=True)
class Blob:
    """A silhouette inside a window of an image."""

    rows: tuple[int, int]  # first and last + 1 row of the window
    columns: tuple[int, int]  # first and last + 1 column of the window
    # position relative to the centre in units of the radius, (rows, columns), float [2, h, w]
    offset: Float[np.ndarray, "2 h w"]
    reach: Float[np.ndarray, "h w"]  # distance from the centre relative to the outline's, float [h, w]

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
    """Draw a silhouette over the float RGB image in place, textured and shaded like a bulging surface."""
    light, relief = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8)
    bulge = np.sqrt(np.clip(1 - thing.reach**2, 0, 1))
    slope = np.sin(light) * thing.offset[0] + np.cos(light) * thing.offset[1]
    shade = (1 - relief) + relief * np.clip(0.55 * bulge + 0.5 + 0.5 * slope, 0, 1.25)
    rgb = np.clip(any_of(kinds, rng, *thing.reach.shape) * shade[..., None], 0, 1)
    window = thing.window()
    image[window] = np.where(thing.mask()[..., None], rgb, image[window])
