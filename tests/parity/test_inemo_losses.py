"""Values of the iNeMo losses worked out by hand or by an independent computation."""

import math

import pytest
import torch

from meshcil.losses import positional, soft_target_cross_entropy, vertex_contrastive, vertex_distillation
from meshcil.models.etf import simplex_etf


@pytest.mark.parametrize(("partitions", "floor"), [(20, 2.0322639), (100, 3.6123773)])
def test_positional_floor(partitions, floor):
    centroids = simplex_etf(partitions, 128, torch.Generator().manual_seed(0)).double()
    loss = positional(centroids, torch.arange(partitions), centroids, kappa=1.0)
    assert loss.item() == pytest.approx(floor, abs=1e-6)
    assert floor == pytest.approx(math.log(1 + (partitions - 1) * math.exp(-1 - 1 / (partitions - 1))), abs=1e-7)


def test_positional_orthogonal_feature():
    centroids = simplex_etf(20, 128, torch.Generator().manual_seed(0)).double()
    orthogonal = torch.linalg.svd(centroids).Vh[-1:]
    assert positional(orthogonal, torch.tensor([3]), centroids).item() == pytest.approx(2.9957323, abs=1e-6)


@pytest.mark.parametrize(
    ("kappa", "weight", "expected"),
    [(1.0, 0.0, 0.6265235), (1.0, 5e-3, 0.6275060), (1 / 0.07, 0.0, 1.2497495e-6)],
)
def test_contrastive_toy(kappa, weight, expected):
    bank = torch.tensor([[[1, 0, 0], [0, 1, 0], [-1, 0, 0]], [[0, 0, 1], [0, 0, 0], [0, 0, 0]]], dtype=torch.float64)
    valid = torch.tensor([[True, True, True], [True, False, False]])
    background = torch.tensor([[0, -1, 0]], dtype=torch.float64)
    feature = torch.tensor([[1, 0, 0]], dtype=torch.float64)
    loss = vertex_contrastive(
        feature, torch.tensor([0]), bank, valid, background, kappa=kappa, background_weight=weight
    )
    assert loss.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("kappa", "expected"), [(0.5, 0.0996422), (2.0, 1.4990058)])
def test_distillation_toy(kappa, expected):
    bank = torch.eye(3, dtype=torch.float64)[None]
    old, new = torch.tensor([[1.0, 0, -1]]).double(), torch.tensor([[0, 1.0, -1]]).double()
    valid = torch.ones(1, 3, dtype=torch.bool)
    assert vertex_distillation(new, old, bank, valid, kappa=kappa).item() == pytest.approx(expected, abs=1e-7)
    assert vertex_distillation(old, old, bank, valid, kappa=kappa).item() == pytest.approx(0, abs=1e-12)


def test_soft_target_cross_entropy():
    student, teacher = torch.tensor([[2.0, 0, -1]]).double(), torch.tensor([[1.0, 1, 0]]).double()
    cross_entropy = soft_target_cross_entropy(student, teacher, temperature=2.0).item()
    entropy = soft_target_cross_entropy(teacher, teacher, temperature=2.0).item()
    assert cross_entropy == pytest.approx(1.1970654, abs=1e-5)
    assert entropy == pytest.approx(1.0743685, abs=1e-5)
    assert cross_entropy - entropy == pytest.approx(0.1226969, abs=1e-5)
