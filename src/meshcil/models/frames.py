"""Centroids for any number of classes, and more of them when they run out (iNeMo's first open question)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from meshcil.models.etf import simplex_etf, unit_vectors

_ROUNDS = 600
_RATE = 0.02
# The smooth maximum approaches the maximum as this rises from the first value to the second.
_SHARPNESS = (10.0, 300.0)


def centroid_frame(
    count: int, dim: int, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "{count} {dim}"]:
    """Unit centroids that are as far apart as they can be: a simplex up to N = dim + 1, else a low-coherence frame.

    Without a generator the draw is that of seed 0.
    """
    if count <= dim + 1:
        return simplex_etf(count, dim, generator, dtype)
    return low_coherence_frame(unit_vectors(count, dim, generator, torch.float64)).to(dtype)


def low_coherence_frame(start: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
    """Unit vectors whose largest pairwise cosine is small, found by an optimiser loop from distinct ones.

    Rows keep their place. A smooth maximum of all cosines is minimised by Adam while it sharpens. No N > D + 1 unit
    vectors have a largest cosine below 0 (Rankin); their coherence, the largest absolute cosine, is at least the Welch
    bound sqrt((N - D) / (D (N - 1))). Raises ValueError for fewer than two vectors.
    """
    if len(start) < 2:
        raise ValueError(f"start must hold at least 2 vectors, got {len(start)}")
    points = start.detach().double().clone().requires_grad_()
    optimizer = torch.optim.Adam([points], lr=_RATE)
    itself = torch.eye(len(start), dtype=torch.bool)
    first, last = _SHARPNESS
    for k in range(_ROUNDS):
        sharpness = first * (last / first) ** (k / _ROUNDS)
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - k / _ROUNDS)
        unit = functional.normalize(points, dim=1)
        cosine = (unit @ unit.T).masked_fill(itself, -torch.inf)
        loss = (sharpness * cosine).flatten().logsumexp(0) / sharpness
        (points.grad,) = torch.autograd.grad(loss, points)
        optimizer.step()
    return functional.normalize(points.detach(), dim=1).to(start.dtype)


def procrustes(moving: Float[Tensor, "N D"], fixed: Float[Tensor, "N D"]) -> Float[Tensor, "D D"]:
    """The orthogonal matrix R for which the rows of ``moving @ R`` are nearest to those of ``fixed``.

    It minimises the sum of squared distances (Schoenemann): R = U V' of the singular value decomposition of
    moving' fixed.
    """
    left, _, right = torch.linalg.svd(moving.T @ fixed)
    return left @ right


def grown_centroids(
    centroids: Float[Tensor, "N D"], count: int, generator: torch.Generator | None = None
) -> Float[Tensor, "{count} D"]:
    """A frame of ``count`` centroids whose first N are as near to the given ones as an orthogonal map brings them.

    Without a generator the draw is that of seed 0. Raises ValueError when ``count`` is not larger than N.
    """
    present, dim = centroids.shape
    if count <= present:
        raise ValueError(f"count must be more than the {present} centroids there are, got {count}")
    old = centroids.double()
    if count <= dim + 1:
        frame = simplex_etf(count, dim, generator, torch.float64)
    else:
        new = unit_vectors(count - present, dim, generator, torch.float64)
        frame = low_coherence_frame(torch.cat([old, new]))
    return (frame @ procrustes(frame[:present], old)).to(centroids.dtype)


def turn(
    vectors: Float[Tensor, "C K D"], source: Float[Tensor, "C D"], target: Float[Tensor, "C D"]
) -> Float[Tensor, "C K D"]:
    """Rotate the vectors of each group as the smallest rotation does that takes ``source`` to ``target``.

    These are unit vectors, none opposite to its source.
    """
    middle = (source + target)[:, None]
    along = (vectors * middle).sum(-1, keepdim=True) / (middle * middle).sum(-1, keepdim=True)
    # Two reflections: in the hyperplane across the middle, then in the one across the target.
    mirrored = vectors - 2 * along * middle
    return mirrored - 2 * (mirrored * target[:, None]).sum(-1, keepdim=True) * target[:, None]
