"""Weight aligning: new rows of a linear head get the old rows' mean norm (Zhao et al. 2020, WA)."""

import torch
from jaxtyping import Float
from torch import Tensor


@torch.no_grad()
def align_new_rows(weight: Float[Tensor, "C D"], old: int) -> Float[Tensor, ""]:
    """Scale rows from ``old`` on, in place, so that their mean L2 norm is that of the rows before; biases stay.

    Doing it again changes nothing.

    Args:
        weight: rows of a linear head.
        old: number of old rows, at least 1 and fewer than all.

    Returns:
        The factor gamma.

    Raises:
        ValueError: there is no old or no new row.
    """
    if not 0 < old < len(weight):
        raise ValueError(f"old must be from 1 to {len(weight) - 1}, got {old}")
    norms = weight.norm(dim=1)
    gamma = norms[:old].mean() / norms[old:].mean()
    weight[old:] *= gamma
    return gamma
