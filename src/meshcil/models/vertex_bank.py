"""Updates of the vertex bank and of the background bank: pure functions without gradient."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


@torch.no_grad()
def update_vertices(
    bank: Float[Tensor, "C V D"],
    features: Float[Tensor, "M D"],
    target: Int[Tensor, " M"],
    images_per_class: Int[Tensor, " C"],
    *,
    momentum: float = 0.9,
) -> Float[Tensor, "C V D"]:
    """Move bank entries towards the features seen at their vertices; a new ``[C, V, D]`` bank.

    ``theta_k <- normalise(momentum theta_k + (1 - momentum) g_k)``, g_k = sum of the features at vertex k divided by
    the number of images of the class in the batch, whether or not they show k (iNeMo, vertex bank update). A vertex
    seen in few of them hence moves less; entries seen by no feature are unchanged bit for bit. Features and entries are
    unit vectors, ``target`` is ``class * V + vertex``. Raises ValueError when ``momentum`` is outside [0, 1], or a
    target's class has no image in the batch.
    """
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum must be in [0, 1], got {momentum}")
    images = images_per_class[target // bank.shape[1]]
    if not bool((images > 0).all()):
        raise ValueError("images_per_class must be positive for the class of every target")
    entries, slot = target.unique(return_inverse=True)
    shares = features.to(bank.dtype) / images[:, None]
    mean = bank.new_zeros(len(entries), bank.shape[2]).index_add_(0, slot, shares)
    updated = bank.clone()
    flat = updated.flatten(0, 1)
    flat[entries] = torch.nn.functional.normalize(momentum * flat[entries] + (1 - momentum) * mean, dim=1)
    return updated


@torch.no_grad()
def write_background(
    background: Float[Tensor, "G D"], cursor: int, features: Float[Tensor, "K D"]
) -> tuple[Float[Tensor, "G D"], int]:
    """Overwrite the oldest unit entries of the background bank, a ring: a new bank and the next cursor.

    The cursor counts entries, not batches, so every entry is reached whatever the batch size is. Of more than G
    features the last G are kept. Raises ValueError when ``cursor`` is outside [0, G).
    """
    size = background.shape[0]
    if not 0 <= cursor < size:
        raise ValueError(f"cursor must be in [0, {size}), got {cursor}")
    where = (cursor + torch.arange(features.shape[0], device=background.device)) % size
    following = (cursor + features.shape[0]) % size
    updated = background.clone()
    updated[where[-size:]] = features[-size:].to(background.dtype)
    return updated, following
