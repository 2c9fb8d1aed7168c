"""Values of the simplex ETF, its partition and the bank updates (iNeMo)."""

import pytest
import torch

from meshcil.models.etf import partition_latent_space, simplex_etf, unit_vectors
from meshcil.models.neural_mesh import update_vertices, write_background


@pytest.mark.parametrize(("partitions", "cosine"), [(20, -0.0526316), (100, -0.0101010)])
def test_etf_gram(partitions, cosine):
    frame = simplex_etf(partitions, 128, torch.Generator().manual_seed(3), dtype=torch.float64)
    gram = frame @ frame.T
    off = gram[~torch.eye(partitions, dtype=torch.bool)]
    torch.testing.assert_close(gram.diagonal(), torch.ones(partitions, dtype=torch.float64))
    assert off.min().item() == pytest.approx(cosine, abs=1e-7) == off.max().item()
    assert frame.sum(0).abs().max() < 1e-12
    eigenvalues = torch.linalg.eigvalsh(gram)
    assert eigenvalues[0].item() == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(
        eigenvalues[1:], torch.full((partitions - 1,), partitions / (partitions - 1), dtype=torch.float64)
    )


def test_etf_angle_and_distance():
    frame = simplex_etf(20, 128, dtype=torch.float64)
    assert torch.rad2deg(torch.acos(frame[0] @ frame[1])).item() == pytest.approx(93.0170, abs=1e-4)
    assert (frame[0] - frame[1]).norm().item() == pytest.approx(1.4509525, abs=1e-7)


def test_partition_is_a_true_partition():
    generator = torch.Generator().manual_seed(0)
    centroids = simplex_etf(20, 128, generator)
    partition = partition_latent_space(centroids, 1145, generator)
    cosine = partition @ centroids.T
    assert (cosine.argmax(-1) == torch.arange(20)[:, None]).all()
    own = cosine.diagonal(dim1=0, dim2=2)
    assert own.mean().item() == pytest.approx(0.170, abs=0.01)
    others = (cosine.sum(-1) - own.T) / 19
    assert others.mean().item() == pytest.approx(-0.0085, abs=0.002)


def test_vertex_update():
    bank = torch.tensor([[[1.0, 0.0], [0.6, 0.8]], [[0.0, 1.0], [1.0, 0.0]]], dtype=torch.float64)
    feature, target = torch.tensor([[0.0, 1.0]], dtype=torch.float64), torch.tensor([0])
    always = update_vertices(bank, feature, target, torch.tensor([1, 0]))
    assert always[0, 0].tolist() == pytest.approx([0.9938837, 0.1104315], abs=1e-7)
    once_in_five = update_vertices(bank, feature, target, torch.tensor([5, 0]))
    assert once_in_five[0, 0].tolist() == pytest.approx([0.9997532, 0.0222167], abs=1e-7)
    assert torch.equal(once_in_five[0, 1], bank[0, 1]) and torch.equal(once_in_five[1], bank[1])


def test_ring_of_the_published_setting():
    background, cursor = torch.zeros(2560, 4), 0
    for step in range(32):
        assert cursor == 80 * step
        background, cursor = write_background(background, cursor, unit_vectors(80, 4))
    assert cursor == 0
    torch.testing.assert_close(background.norm(dim=1), torch.ones(2560))
