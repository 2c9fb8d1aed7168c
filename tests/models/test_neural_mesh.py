"""Which rows of the vertex bank exist, and what comes out of the feature network."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from meshcil.models.backbones.pyramid import build
from meshcil.models.etf import unit_vectors
from meshcil.models.neural_mesh import FeatureNetwork, class_meshes, update_vertices, valid_rows, write_background

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


@given(seed=st.integers(0, 1000), images=st.integers(1, 6), momentum=st.sampled_from([0.0, 0.5, 0.9, 1.0]))
def test_update_is_the_formula_entry_by_entry(seed, images, momentum):
    generator = torch.Generator().manual_seed(seed)
    classes, vertices, dim = 3, 4, 5
    bank = unit_vectors(classes * vertices, dim, generator, torch.float64).view(classes, vertices, dim)
    label = torch.randint(classes - 1, (images,), generator=generator)
    visible = torch.rand(images, vertices, generator=generator) < 0.5
    seen = unit_vectors(images * vertices, dim, generator, torch.float64).view(images, vertices, dim)
    target = (label[:, None] * vertices + torch.arange(vertices))[visible]
    count = label.bincount(minlength=classes)
    updated = update_vertices(bank, seen[visible], target, count, momentum=momentum)
    for c in range(classes):
        for v in range(vertices):
            shown = visible[:, v] & (label == c)
            if not shown.any():
                assert torch.equal(updated[c, v], bank[c, v])
                continue
            mean = seen[shown, v].sum(0) / count[c]
            expected = normalize(momentum * bank[c, v] + (1 - momentum) * mean, dim=0)
            torch.testing.assert_close(updated[c, v], expected)


@given(size=st.integers(1, 12), batches=st.lists(st.integers(0, 30), max_size=8))
def test_ring_holds_the_newest_entries(size, batches):
    background, cursor = torch.full((size, 2), -1.0), 0
    written: list[int] = []
    for count in batches:
        new = torch.arange(len(written), len(written) + count).float()[:, None].expand(-1, 2)
        written += range(len(written), len(written) + count)
        background, cursor = write_background(background, cursor, new)
        assert cursor == len(written) % size
    kept = [value for value in background[:, 0].tolist() if value >= 0]
    assert sorted(kept) == written[-size:]


def test_bad_arguments_are_named():
    bank, feature = torch.ones(1, 1, 2), torch.ones(1, 2)
    target = torch.tensor([0])
    with pytest.raises(ValueError, match="momentum"):
        update_vertices(bank, feature, target, torch.tensor([1]), momentum=1.5)
    with pytest.raises(ValueError, match="images_per_class"):
        update_vertices(bank, feature, target, torch.tensor([0]))
    with pytest.raises(ValueError, match="cursor"):
        write_background(feature, 1, feature)
