"""Frames beyond the simplex, and frames that grow."""

import math

import pytest
import torch
from torch.nn import functional

from meshcil.models.etf import partition_latent_space, simplex_etf, unit_vectors
from meshcil.models.frames import centroid_frame, grown_centroids, low_coherence_frame, procrustes, turn
from meshcil.models.neural_mesh import LatentSpace


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def largest_cosine(frame: torch.Tensor) -> float:
    return float((frame @ frame.T).fill_diagonal_(-1).max())


def welch(count: int, dim: int) -> float:
    return math.sqrt((count - dim) / (dim * (count - 1)))


@pytest.mark.parametrize(("count", "dim"), [(20, 16), (40, 16), (40, 8)])
def test_a_low_coherence_frame_is_between_the_bounds(count: int, dim: int) -> None:
    start = unit_vectors(count, dim, generator(), torch.float64)
    frame = low_coherence_frame(start)
    torch.testing.assert_close(frame.norm(dim=1), torch.ones(count, dtype=torch.float64))
    assert -1e-9 <= largest_cosine(frame) <= welch(count, dim)
    assert largest_cosine(frame) < 0.4 * largest_cosine(start)


def test_centroids_form_a_simplex_where_there_is_one() -> None:
    assert torch.equal(centroid_frame(9, 8, generator()), simplex_etf(9, 8, generator()))
    assert centroid_frame(10, 8, generator()).dtype == torch.float32
    assert largest_cosine(centroid_frame(10, 8, generator())) < 0.02
    with pytest.raises(ValueError, match="start"):
        low_coherence_frame(torch.eye(1))


def test_procrustes_finds_the_rotation_that_was_applied() -> None:
    points = torch.randn(6, 4, generator=generator(), dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=generator(1), dtype=torch.float64)).Q
    found = procrustes(points @ rotation.T, points)
    torch.testing.assert_close(found, rotation)


@pytest.mark.parametrize(("present", "count", "dim"), [(8, 16, 64), (4, 8, 7), (4, 8, 5)])
def test_grown_centroids_keep_the_old_ones_as_well_as_any_rotation_can(present: int, count: int, dim: int) -> None:
    old = simplex_etf(present, dim, generator(), torch.float64)
    frame = grown_centroids(old, count, generator(1))
    kept = float((frame[:present] * old).sum())
    assert kept / present > 0.85
    for seed in range(20):  # no small rotation brings them nearer
        skew = 0.05 * torch.randn(dim, dim, generator=generator(seed), dtype=torch.float64)
        assert float((frame[:present] @ torch.matrix_exp(skew - skew.T) * old).sum()) <= kept + 1e-9
    if count <= dim + 1:
        gram = torch.full((count, count), -1 / (count - 1), dtype=torch.float64).fill_diagonal_(1)
        torch.testing.assert_close(frame @ frame.T, gram, atol=1e-9, rtol=0)
    else:
        assert largest_cosine(frame) <= welch(count, dim)
    with pytest.raises(ValueError, match="count"):
        grown_centroids(old, present)


def test_turning_is_the_smallest_rotation() -> None:
    source, target = unit_vectors(3, 5, generator(), torch.float64), unit_vectors(3, 5, generator(1), torch.float64)
    vectors = torch.randn(3, 7, 5, generator=generator(2), dtype=torch.float64)
    torch.testing.assert_close(turn(source[:, None], source, target)[:, 0], target)
    turned = turn(vectors, source, target)
    torch.testing.assert_close(turned @ turned.mT, vectors @ vectors.mT)
    normal = torch.linalg.svd(torch.stack([source[0], target[0]])).Vh[2:]
    torch.testing.assert_close(turn(normal[None], source[:1], target[:1])[0], normal)


def test_a_grown_space_turns_what_was_learned_and_partitions_the_rest() -> None:
    space = LatentSpace.create(4, 30, 12, 8, partition_latent_space, generator())
    grown = space.grow(8, 3, partition_latent_space, generator(1))
    assert grown.bank.shape == (8, 30, 12) and grown.background is space.background
    before = torch.einsum("cvd,cd->cv", space.bank[:3], space.centroids[:3])
    after = torch.einsum("cvd,cd->cv", grown.bank[:3], grown.centroids[:3])
    torch.testing.assert_close(after, before)
    nearest = (grown.bank[3:] @ grown.centroids.T).argmax(-1)
    assert torch.equal(nearest, torch.arange(3, 8)[:, None].expand(5, 30))
    torch.testing.assert_close(grown.bank.norm(dim=-1), torch.ones(8, 30))
    cosine = functional.cosine_similarity(grown.bank[:3], space.bank[:3], dim=-1)
    assert float(cosine.min()) > 0.5 and float(cosine.max()) < 1
