"""Which rows of the vertex bank exist, and what comes out of the feature network."""

import pytest
import torch

from meshcil.models.backbones.pyramid import build
from meshcil.models.neural_mesh import FeatureNetwork, class_meshes, valid_rows

BOUNDS = torch.tensor([[[-0.5, 0.5], [-0.3, 0.3], [-0.2, 0.2]], [[-0.5, 0.5], [-0.1, 0.1], [-0.1, 0.1]]])


@pytest.mark.parametrize("unused", [True, False])
def test_rows_past_a_mesh_are_padding_and_whole_unused_partitions_count_when_asked(unused: bool) -> None:
    valid = valid_rows(class_meshes(BOUNDS, 80), 4, 110, unused=unused)
    expected = torch.full((4, 110), unused)
    expected[:2] = False
    expected[0, :108] = True
    expected[1, :88] = True
    assert torch.equal(valid, expected)


def test_no_row_exists_before_the_first_class() -> None:
    assert not bool(valid_rows([], 3, 5, unused=False).any())
    assert bool(valid_rows([], 3, 5, unused=True).all())


@pytest.mark.parametrize("reduced", [False, True], ids=["float32", "bfloat16"])
def test_features_have_unit_length_in_float32(reduced: bool) -> None:
    network = FeatureNetwork(build(width=8, depth=1), 16)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=reduced):
        maps = network(images)
    assert maps.shape == (2, 16, 8, 8) and maps.dtype == torch.float32
    torch.testing.assert_close(maps.norm(dim=1), torch.ones(2, 8, 8))


def test_refitting_moves_the_projection_by_what_is_wanted() -> None:
    generator = torch.Generator().manual_seed(0)
    network = FeatureNetwork(build(width=4, depth=1), 6)
    cells = torch.randn(200, 8, generator=generator)
    weight, bias = torch.randn(6, 8, generator=generator), torch.randn(6, generator=generator)
    backbone = {name: value.clone() for name, value in network.backbone.state_dict().items()}
    before = network.projection.weight.detach().clone()
    network.refit(cells, cells @ weight.T + bias, ridge=1e-9)
    torch.testing.assert_close(network.projection.weight - before, weight[:, :, None, None], atol=1e-4, rtol=0)
    assert all(torch.equal(value, backbone[name]) for name, value in network.backbone.state_dict().items())
    kept = network.projection.weight.detach().clone()
    network.refit(cells, torch.zeros(200, 6))
    torch.testing.assert_close(network.projection.weight, kept)
