"""Rain, snow and fog over an image, the weather nuisance.

Rain and snow are kornia's. Their parameters are drawn from the caller's generator, so no global one takes part.
"""

import numpy as np
import torch
from jaxtyping import Float
from kornia.augmentation import RandomRain, RandomSnow

from meshcil.datasets.primitives import textures

RGB = Float[np.ndarray, "H W 3"]


def _apply(augmentation: torch.nn.Module, image: RGB, params: dict[str, torch.Tensor]) -> RGB:
    batch = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].float()
    common = {"batch_prob": torch.ones(1), "forward_input_shape": torch.tensor(batch.shape)}
    return augmentation(batch, params=common | params)[0].numpy().astype(float).transpose(1, 2, 0)


def rain(rng: np.random.Generator, image: RGB) -> RGB:
    """Slanted translucent drops in dull light."""
    count = int(image.shape[0] * rng.uniform(1.5, 3.0))
    params = {
        "number_of_drops_factor": torch.tensor([count]),
        "coordinates_factor": torch.from_numpy(rng.random((1, count, 2))),
        "drop_height_factor": torch.tensor([int(rng.integers(6, 13))]),
        "drop_width_factor": torch.tensor([int(rng.integers(-5, 6))]),
    }
    dull = image * rng.uniform(0.6, 0.8) + 0.08
    return 0.25 * dull + 0.75 * _apply(RandomRain(p=1.0), dull, params)


def snow(rng: np.random.Generator, image: RGB) -> RGB:
    """Snow on dark surfaces, and flakes in the air."""
    params = {
        "snow_coefficient": torch.tensor([rng.uniform(0.35, 0.6)]),
        "brightness": torch.tensor([rng.uniform(1.6, 2.4)]),
    }
    covered = _apply(RandomSnow(p=1.0), image, params)
    flakes = np.pad((rng.random(image.shape[:2]) > 0.975).astype(float), 1)
    windows = np.lib.stride_tricks.sliding_window_view(flakes, (3, 3))
    soft = np.clip(windows.mean(axis=(2, 3)) * 3, 0, 1)[..., None]
    return covered + (1 - covered) * soft


def fog(rng: np.random.Generator, image: RGB) -> RGB:
    """Scattered light: the image fades towards grey by a density that varies like plasma."""
    density = 0.4 + 0.4 * textures.noise(rng, *image.shape[:2], cells=2.0, octaves=4)[..., None]
    return image * (1 - density) + rng.uniform(0.75, 0.95) * density


WEATHERS = (rain, snow, fog)


def weather(image: RGB, kind: int, rng: np.random.Generator) -> RGB:
    """The image, float RGB in [0, 1], in one of ``WEATHERS``: number ``kind`` modulo how many there are."""
    return np.clip(WEATHERS[kind % len(WEATHERS)](rng, image), 0, 1)
