"""Distillation channel by channel, weighed by importance (AFC, Kang et al. 2022, section 3)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def weighted_channel_distillation(
    maps: Sequence[Float[Tensor, "B _ _ _"]],
    taught: Sequence[Float[Tensor, "B _ _ _"]],
    importance: Sequence[Float[Tensor, " _"]],
) -> Float[Tensor, ""]:
    """``mean over layers, images, channels of I_c || nrm(a_c^2) - nrm(b_c^2) ||``, nrm the L2 norm over pixels."""
    terms = []
    for own, kept, weight in zip(maps, taught, importance, strict=True):
        difference = _directions(own) - _directions(kept.detach())
        terms.append((weight * difference.norm(dim=2)).mean())
    return torch.stack(terms).mean()


def _directions(stage: Float[Tensor, "B c h w"]) -> Float[Tensor, "B c p"]:
    return functional.normalize(stage.square().flatten(2), dim=2)
