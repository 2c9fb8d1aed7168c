"""iNeMo's controls: vertices without identities, background cells that are chosen, centroids that are drawn anew."""

from itertools import pairwise

import pytest
import torch

from meshcil.methods.base.mesh_controls import draw_background, renamed, vertex_names
from meshcil.methods.inemo import Learner
from tests.methods.factory import facts, settings
from tests.methods.test_growth import STEPS
from tests.methods.test_inemo import COUNTS, batch_of, padded_method


def with_settings(method: Learner, **values: object) -> Learner:
    method.settings = method.settings.model_copy(update=values)
    return method


def test_shuffled_vertices_change_places_within_their_class_and_anew_for_each_image() -> None:
    members = padded_method()._members(2)
    labels = torch.tensor([0, 1, 0])
    names = vertex_names("shuffled", labels, members, torch.Generator().manual_seed(0))
    for row, label in zip(names, labels.tolist(), strict=True):
        assert sorted(row.tolist()) == list(range(members.shape[1]))
        assert sorted(row[: COUNTS[label]].tolist()) == list(range(COUNTS[label]))
    assert not torch.equal(names[0], names[2])
    near = torch.zeros(1, members.shape[1], dtype=torch.bool)
    near[0, [3, 7]] = True
    assert renamed(near, names[:1]).nonzero()[:, 1].tolist() == sorted(names[0, [3, 7]].tolist())


def test_a_class_of_one_feature_trains_and_classifies_without_vertices() -> None:
    method = with_settings(padded_method(), vertex_identity="class")
    before = method.space.bank[2:]
    batch = batch_of(method, [0, 1, 0, 1])
    terms = method.losses(batch)
    assert all(bool(term.isfinite()) for term in terms.values())
    assert (method._observed[1] % method.vertices == 0).all()
    method.after_batch(batch)
    assert torch.equal(method.space.bank[:2], method.space.bank[:2, :1].expand(-1, method.vertices, -1))
    assert torch.equal(method.space.bank[2:, 0], before[:, 0])
    assert method._members(2).sum(1).tolist() == [1, 1]
    assert method.predict(batch.images).scores.shape == (4, 2)


@pytest.mark.parametrize("sampling", ["random", "near", "hard"])
def test_background_cells_are_free_and_of_the_wanted_kind(sampling: str) -> None:
    maps = torch.nn.functional.normalize(torch.randn(2, 4, 9, 9, generator=torch.Generator().manual_seed(1)), dim=1)
    free = torch.ones(2, 9, 9, dtype=torch.bool)
    free[:, 4, 4] = False
    bank = torch.eye(4)[:1]
    found = draw_background(maps, free, 6, sampling, bank, torch.Generator().manual_seed(2))
    cells = maps.flatten(2).transpose(1, 2)
    places = [(cells[i // 6] - row).abs().sum(1).argmin() for i, row in enumerate(found)]
    assert len(found) == 12 and all(bool(free[0].flatten()[place]) for place in places)
    far = [max(abs(int(place) // 9 - 4), abs(int(place) % 9 - 4)) for place in places]
    assert (max(far) <= 2) == (sampling == "near")
    liked = (cells @ bank.T)[..., 0].masked_fill(~free.flatten(1), -2).topk(6, dim=1).values.sum()
    assert bool(torch.isclose((found @ bank.T).sum(), liked)) == (sampling == "hard")


def test_the_background_bank_learns_after_the_share_of_updates() -> None:
    written = []
    for share in (1.0, 0.5):
        method = with_settings(padded_method(), background_updates=share)
        batch = batch_of(method, [0, 1])
        cursors = [method.space.cursor]
        for _ in range(30):
            method.losses(batch)
            method.after_batch(batch)
            cursors.append(method.space.cursor)
        written.append(sum(a != b for a, b in pairwise(cursors)))
    assert written[0] == 30 and 6 <= written[1] <= 24


def test_redrawn_partitions_leave_features_where_they_were() -> None:
    chosen = settings("inemo").model_copy(update={"partitions": 3, "partition_growth": "redraw"})
    method = Learner(chosen, facts(STEPS), torch.device("cpu"))
    method.begin_step(0)
    method.begin_step(1)
    bank, centroids = method.space.bank, method.space.centroids
    method.begin_step(2)
    assert len(method.space.bank) == 6
    assert torch.equal(method.space.bank[:3], bank)
    cosine = (method.space.centroids[:3] * centroids).sum(1)
    assert cosine.min() < 0.9
