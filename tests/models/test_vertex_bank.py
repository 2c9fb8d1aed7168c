import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from meshcil.models.etf import unit_vectors
from meshcil.models.vertex_bank import update_vertices, write_background


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
