"""Distillation of pooled stage outputs (PODNet, Douillard et al. 2020, section 3.1)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def pooled_output_distillation(
    maps: Sequence[Float[Tensor, "B _ _ _"]], taught: Sequence[Float[Tensor, "B _ _ _"]]
) -> Float[Tensor, ""]:
    """POD-spatial: distance between the squared maps' profiles along width and height, mean over images and stages.

    Each map is squared, summed over width and over height; both profiles together are L2-normalised per image.
    """
    distances = [(_profiles(a) - _profiles(b.detach())).norm(dim=1).mean() for a, b in zip(maps, taught, strict=True)]
    return torch.stack(distances).mean()


def _profiles(stage: Float[Tensor, "B c h w"]) -> Float[Tensor, "B P"]:
    squared = stage.square()
    return functional.normalize(torch.cat([squared.sum(3).flatten(1), squared.sum(2).flatten(1)], dim=1), dim=1)


def direction_distillation(features: Float[Tensor, "B D"], taught: Float[Tensor, "B D"]) -> Float[Tensor, ""]:
    """POD-flat, and LUCIR's feature distillation: ``1 - cos`` between student and teacher features, batch mean."""
    return (1 - functional.cosine_similarity(features, taught.detach())).mean()
