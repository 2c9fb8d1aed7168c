"""Small aligners and pairs of latents whose displacement is known."""

import torch

from meshcil.aligners.base import LatentPairs
from meshcil.config.aligners.eli import Settings

CPU = torch.device("cpu")


def settings(**changes: object) -> Settings:
    """ELI, small."""
    values = {"kind": "eli", "label": "ELI", "description": "", "layers": 1, "hidden": 16, "iterations": 20}
    return Settings.model_validate(values | {"batch_size": 32, "evaluate_every": 5} | changes)


def displaced(count: int = 200, width: int = 4, seed: int = 0) -> LatentPairs:
    """Latents that a step moved by +2 along the first axis."""
    previous = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return LatentPairs(previous, previous + 2 * torch.eye(width)[0])
