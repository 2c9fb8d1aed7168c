"""What stands behind the objects: outdoor and indoor scenes and plain fields, all with clutter; odd contexts."""

import numpy as np
from jaxtyping import Float

from meshcil.datasets.primitives import textures
from meshcil.datasets.primitives.textures import blob, paint

RGB = Float[np.ndarray, "H W 3"]

# Ranges of hue.
SKY, DUSK, EARTH, HILLS, WOOD = (0.52, 0.63), (-0.05, 0.12), (0.06, 0.36), (0.2, 0.6), (0.03, 0.12)


def _rows(height: int, width: int, horizon: float, top: RGB, bottom: RGB) -> RGB:
    row = np.arange(height)[:, None, None] / height
    sharp = np.clip((row - horizon) * height + 0.5, 0, 1)
    return top * (1 - sharp) + bottom * sharp


def _outdoor(rng: np.random.Generator, height: int, width: int) -> RGB:
    """Sky with clouds, perhaps hills, and a grainy ground."""
    sky = textures.colour(rng, (0.1, 0.5), (0.65, 1.0), SKY if rng.random() < 0.7 else DUSK)
    clouds = np.clip(textures.noise(rng, height, width, 3) * 1.8 - 0.7, 0, 1) * rng.uniform(0, 1)
    top = textures.mix(clouds, sky, np.full(3, rng.uniform(0.85, 1.0)))
    grain = textures.noise(rng, height, width, rng.uniform(10, 30), octaves=2)
    earth = textures.colour(rng, (0.05, 0.5), (0.3, 0.8), EARTH if rng.random() < 0.8 else (0.0, 1.0))
    bottom = textures.mix(grain, earth * 0.75, np.clip(earth * 1.2, 0, 1))
    horizon = rng.uniform(0.3, 0.75)
    image = _rows(height, width, horizon, top, bottom)
    if rng.random() < 0.6:
        skyline = (horizon - rng.uniform(0.03, 0.22) * textures.noise(rng, 2, width, 4)[0]) * height
        row = np.arange(height)[:, None]
        hills = (row >= skyline[None]) & (row < horizon * height)
        image[hills] = (textures.colour(rng, (0.1, 0.4), (0.3, 0.65), HILLS) * (0.85 + 0.3 * grain[..., None]))[hills]
    return image


def _indoor(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A wall with a soft light fall-off, a skirting board, and a floor."""
    wall = textures.colour(rng, (0.02, 0.35), (0.6, 1.0))
    fall = textures.noise(rng, height, width, 1, octaves=1)
    top = textures.mix(fall, wall * 0.75, wall)
    wood = textures.colour(rng, (0.1, 0.6), (0.3, 0.85), WOOD if rng.random() < 0.7 else (0.0, 1.0))
    bottom = textures.mix(textures.noise(rng, height, width, rng.uniform(4, 20), 2), wood * 0.75, wood)
    horizon = rng.uniform(0.4, 0.8)
    image = _rows(height, width, horizon, top, bottom)
    edge = int(horizon * height)
    image[edge - int(rng.integers(1, 4)) : edge] = textures.colour(rng, (0, 0.3), (0.3, 1.0))
    return image


def cluttered(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A background as training and test show it, float [H, W, 3] in [0, 1]."""
    kind = rng.random()
    if kind < 0.4:
        image = _outdoor(rng, height, width)
    elif kind < 0.65:
        image = _indoor(rng, height, width)
    else:
        image = textures.any_of(textures.PLAIN, rng, height, width)
    kinds = (*textures.PLAIN, *textures.PLAIN, textures.stripes, textures.checks)
    for _ in range(int(rng.integers(1, 7))):
        center = (rng.uniform(0, height), rng.uniform(0, width))
        radius = min(height, width) * rng.uniform(0.05, 0.24)
        thing = blob(rng, center, radius, height, width)
        if thing is not None:
            paint(image, thing, rng, kinds)
    return np.clip(image, 0, 1)


def odd_context(rng: np.random.Generator, height: int, width: int) -> RGB:
    """A background of a kind that training never shows: regular patterns, space, deep water."""
    match int(rng.integers(4)):
        case 0:
            night = textures.mix(
                textures.noise(rng, height, width, 2), np.full(3, 0.02), textures.colour(rng, (0.5, 1), (0.1, 0.4))
            )
            stars = rng.random((height, width)) > 0.985
            return np.where(stars[..., None], rng.uniform(0.6, 1.0, (height, width, 1)), night)
        case 1:
            row = np.linspace(0, 1, height)[:, None] * np.ones((1, width))
            water = textures.mix(row, np.array([0.1, 0.75, 0.8]), np.array([0.0, 0.1, 0.3]))
            caustics = np.abs(textures.noise(rng, height, width, 6, 2) - 0.5) < 0.05
            return np.clip(water + 0.35 * (caustics * (1 - row))[..., None], 0, 1)
        case 2:
            image = textures.any_of(textures.PATTERNS, rng, height, width)
            for _ in range(4):
                center = (rng.uniform(0, height), rng.uniform(0, width))
                thing = blob(rng, center, height * 0.35, height, width)
                if thing is not None:
                    paint(image, thing, rng, textures.PATTERNS)
            return image
        case _:
            return textures.any_of(textures.PATTERNS, rng, height, width)
