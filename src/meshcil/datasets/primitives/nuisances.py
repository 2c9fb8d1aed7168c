"""Out-of-distribution changes in the manner of OOD-CV: odd surfaces and poses out of range."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from meshcil.datasets.primitives import textures

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
    """Elevation and in-plane rotation in degrees, at least one of them far outside of its training range.

    Args:
        rng: source of randomness.
        elevation: training range in degrees.
        theta: training range in degrees.
    """
    steep = rng.uniform(48, 68) if rng.random() < 0.7 else rng.uniform(-32, -20)
    rolled = rng.choice((-1.0, 1.0)) * rng.uniform(20, 40)
    kind = int(rng.integers(3))
    chosen = rng.uniform(*elevation) if kind == 1 else steep
    turned = rng.uniform(*theta) if kind == 0 else rolled
    return float(chosen), float(turned)
