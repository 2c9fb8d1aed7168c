"""Out-of-distribution changes in the manner of OOD-CV: odd surface textures and weather; poses out of range."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from meshcil.datasets.primitives import textures

NUISANCES = ("shape", "pose", "texture", "context", "weather")
WEATHERS = ("rain", "snow", "fog")


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


def odd_pose(rng: np.random.Generator) -> tuple[float, float]:
    """Elevation and in-plane rotation in degrees, at least one far outside of the training range."""
    high = rng.uniform(48, 68) if rng.random() < 0.7 else rng.uniform(-32, -20)
    roll = rng.choice((-1.0, 1.0)) * rng.uniform(20, 40)
    kind = int(rng.integers(3))
    elevation = rng.uniform(-10, 40) if kind == 1 else high
    theta = rng.uniform(-12, 12) if kind == 0 else roll
    return float(elevation), float(theta)


def _rain(image, rng: np.random.Generator):
    import torch
    from kornia.augmentation import RandomRain

    height = image.shape[2]
    count = int(height * rng.uniform(1.5, 3.0))
    params = {
        "batch_prob": torch.ones(1),
        "forward_input_shape": torch.tensor(image.shape),
        "number_of_drops_factor": torch.tensor([count]),
        "coordinates_factor": torch.from_numpy(rng.random((1, count, 2))),
        "drop_height_factor": torch.tensor([int(rng.integers(6, 13))]),
        "drop_width_factor": torch.tensor([int(rng.integers(-5, 6))]),
    }
    # Rain comes with dull light, and drops are translucent.
    dull = image * rng.uniform(0.6, 0.8) + 0.08
    return 0.25 * dull + 0.75 * RandomRain(p=1.0)(dull, params=params)


def _snow(image, rng: np.random.Generator):
    import torch
    from kornia.augmentation import RandomSnow

    params = {
        "batch_prob": torch.ones(1),
        "forward_input_shape": torch.tensor(image.shape),
        "snow_coefficient": torch.tensor([rng.uniform(0.35, 0.6)]),
        "brightness": torch.tensor([rng.uniform(1.6, 2.4)]),
    }
    covered = RandomSnow(p=1.0)(image, params=params)
    flakes = torch.from_numpy(rng.random(tuple(image.shape[2:])) > 0.975).to(image.dtype)
    soft = torch.nn.functional.avg_pool2d(flakes[None, None], 3, stride=1, padding=1) * 3
    return covered + (1 - covered) * soft.clamp(0, 1)


def _fog(image, rng: np.random.Generator):
    """Light scattered in: the image fades towards grey by a plasma-like density."""
    import torch

    height, width = image.shape[2:]
    density = 0.4 + 0.4 * textures.noise(rng, height, width, 2.0, octaves=4)
    veil = torch.from_numpy(density).to(image.dtype)
    return image * (1 - veil) + rng.uniform(0.75, 0.95) * veil


def weather(image: Float[np.ndarray, "H W 3"], kind: str, rng: np.random.Generator) -> Float[np.ndarray, "H W 3"]:
    """The image in rain, snow or fog.

    Rain and snow are kornia's; their parameters are drawn here, so that no global generator takes part.

    Args:
        image: float RGB in [0, 1].
        kind: one of ``WEATHERS``.
        rng: source of randomness.
    """
    # torch is slow to import, and only this nuisance needs it.
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float()
    changed = {"rain": _rain, "snow": _snow, "fog": _fog}[kind](batch, rng)
    return np.clip(changed[0].numpy().astype(float).transpose(1, 2, 0), 0, 1)
