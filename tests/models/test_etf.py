import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from meshcil.models.etf import partition_latent_space, simplex_etf, unit_vectors


@given(classes=st.integers(2, 20), extra=st.integers(-1, 30), seed=st.integers(0, 1000))
def test_etf_gram_matrix(classes, extra, seed):
    frame = simplex_etf(classes, classes + extra, torch.Generator().manual_seed(seed), dtype=torch.float64)
    gram = torch.full((classes, classes), -1 / (classes - 1), dtype=torch.float64).fill_diagonal_(1)
    torch.testing.assert_close(frame @ frame.T, gram, rtol=0, atol=1e-12)


@pytest.mark.parametrize("classes", [1, 10])
def test_etf_that_does_not_exist(classes):
    with pytest.raises(ValueError, match="num_classes"):
        simplex_etf(classes, 8)


def test_draws_are_seeded():
    assert torch.equal(simplex_etf(5, 8), simplex_etf(5, 8))
    other = torch.Generator().manual_seed(1)
    assert not torch.equal(simplex_etf(5, 8), simplex_etf(5, 8, other))
    first, second = (unit_vectors(3, 4, torch.Generator().manual_seed(s)) for s in (1, 2))
    assert not torch.equal(first, second)


@given(classes=st.integers(2, 6), dim=st.integers(2, 12), size=st.integers(1, 40), seed=st.integers(0, 50))
def test_partition_of_any_frame_is_true_and_full(classes, dim, size, seed):
    generator = torch.Generator().manual_seed(seed)
    centroids = unit_vectors(classes, dim, generator)
    # Nearly equal centroids own a cell too small to be filled by chance.
    assume((centroids @ centroids.T - 2 * torch.eye(classes)).max() < 0.9)
    partition = partition_latent_space(centroids, size, generator)
    assert partition.shape == (classes, size, dim)
    torch.testing.assert_close(partition.norm(dim=-1), torch.ones(classes, size))
    nearest = (partition @ centroids.T).argmax(-1)
    assert torch.equal(nearest, torch.arange(classes)[:, None].expand(classes, size))
    assert len(partition.flatten(0, 1).unique(dim=0)) == classes * size


def test_partition_refuses_equal_centroids_and_no_size():
    twice = torch.eye(3)[[0, 0]]
    with pytest.raises(ValueError, match=r"distinct.*\[1\]"):
        partition_latent_space(twice, 4)
    with pytest.raises(ValueError, match="size"):
        partition_latent_space(torch.eye(3), 0)
