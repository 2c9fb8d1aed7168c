"""Fixed class centroids on the unit sphere and the cells they own."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

# Draws per wanted vector: cells of a simplex ETF hold equal shares within a few per cent.
_OVERSAMPLING = 1.3
_MAX_ROUNDS = 200


def unit_vectors(
    count: int, dim: int, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "{count} {dim}"]:
    """Points drawn uniformly on the unit sphere (normalised Gaussians), ``[count, dim]``.

    Without a generator the draw is the one of seed 0.
    """
    points = torch.randn(count, dim, generator=generator or _default_generator(), dtype=dtype)
    return torch.nn.functional.normalize(points, dim=1)


def simplex_etf(
    num_classes: int, dim: int, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "{num_classes} {dim}"]:
    """Randomly rotated simplex equiangular tight frame of N >= 2 classes, ``[N, dim]`` on the CPU.

    N unit rows with pairwise cosine -1 / (N - 1) and sum 0: ``sqrt(N / (N - 1)) (I - 11'/N) U'`` with orthonormal
    columns in U (iNeMo, ETF centroids). It is built in double precision from an orthonormal basis of the vectors that
    sum to zero, which also covers N = dim + 1. Without a generator the rotation is that of seed 0. Raises ValueError
    for fewer than 2 classes, or more than ``dim + 1``.
    """
    if num_classes < 2:
        raise ValueError(f"num_classes must be at least 2, got {num_classes}")
    if num_classes > dim + 1:
        raise ValueError(f"num_classes must be at most dim + 1 = {dim + 1}, got {num_classes}")
    generator = generator or _default_generator()
    seedling = torch.randn(num_classes, num_classes, generator=generator, dtype=torch.float64)
    seedling[:, 0] = 1
    sum_free = torch.linalg.qr(seedling).Q[:, 1:]
    rotation = torch.linalg.qr(torch.randn(dim, num_classes - 1, generator=generator, dtype=torch.float64)).Q
    return (math.sqrt(num_classes / (num_classes - 1)) * sum_free @ rotation.T).to(dtype)


def partition_latent_space(
    centroids: Float[Tensor, "N D"], size: int, generator: torch.Generator | None = None
) -> Float[Tensor, "N {size} D"]:
    """``size`` random unit vectors in the cell of each centroid, ``[N, size, D]``.

    Vectors uniform on the sphere go to the centroid of largest cosine (iNeMo, partition of the latent space); cells
    that got too few are topped up by drawing again and keeping what falls into them. Centroids are distinct unit
    vectors on the CPU; without a generator the draw is that of seed 0. Raises ValueError when ``size`` is below 1, or a
    cell stays empty.
    """
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    generator = generator or _default_generator()
    count, dim = centroids.shape
    partition = centroids.new_zeros(count, size, dim)
    filled = torch.zeros(count, dtype=torch.int64)
    for _ in range(_MAX_ROUNDS):
        missing = int((size - filled).max())
        if missing == 0:
            return partition
        draws = unit_vectors(math.ceil(_OVERSAMPLING * count * missing), dim, generator, centroids.dtype)
        cell = (draws @ centroids.T).argmax(1)
        for c in range(count):
            taken = draws[cell == c][: size - int(filled[c])]
            partition[c, int(filled[c]) : int(filled[c]) + len(taken)] = taken
            filled[c] += len(taken)
    starved = (filled < size).nonzero()[:, 0].tolist()
    raise ValueError(f"centroids must be distinct: the cells of {starved} have too few vectors")


def share_latent_space(
    centroids: Float[Tensor, "N D"], size: int, generator: torch.Generator | None = None
) -> Float[Tensor, "N {size} D"]:
    """The same random unit vectors in every cell, sorted by cosine with its centroid, largest first.

    What iNeMo's released code does in place of a partition: of ``size`` vectors in all, each class takes the ``size``
    nearest (docs/known-defects.md, D1). Without a generator the draw is that of seed 0.
    """
    points = unit_vectors(size, centroids.shape[1], generator, centroids.dtype)
    return points[(centroids @ points.T).argsort(dim=1, descending=True)]


def scatter_latent_space(
    centroids: Float[Tensor, "N D"], size: int, generator: torch.Generator | None = None
) -> Float[Tensor, "N {size} D"]:
    """``size`` random unit vectors for every cell, wherever its centroid is: no partition.

    Without a generator the draw is that of seed 0.
    """
    count, dim = centroids.shape
    return unit_vectors(count * size, dim, generator, centroids.dtype).reshape(count, size, dim)


def _default_generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
