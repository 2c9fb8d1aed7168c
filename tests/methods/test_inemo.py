"""iNeMo's steps: what each loss and bank update is given, that the teacher stands still, and what is predicted."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from meshcil.core.artifacts import load_state, save_state
from meshcil.core.errors import InputError
from meshcil.geometry.cameras import project
from meshcil.methods import inemo
from meshcil.methods.base.mesh_checks import gradient_checks
from meshcil.methods.base.method import Batch
from meshcil.rendering.visibility import observe_vertices
from meshcil.training.selection import TrainingData
from meshcil.training.trainer import train_step
from tests.methods.factory import build, facts, pool, settings

# Cuboids with 108, 88, 96 and 110 vertices: the bank has padding, and no batch of two classes is as wide as the bank.
BOUNDS = (
    ((-0.5, 0.5), (-0.3, 0.3), (-0.2, 0.2)),
    ((-0.5, 0.5), (-0.1, 0.1), (-0.1, 0.1)),
    ((-0.4, 0.4), (-0.4, 0.4), (-0.4, 0.4)),
    ((-0.6, 0.6), (-0.5, 0.5), (-0.05, 0.05)),
)
COUNTS = (108, 88, 96, 110)


def batch_of(method: inemo.Learner, labels: list[int], replayed: tuple[int, ...] = ()) -> Batch:
    """Images of these classes, those at ``replayed`` as exemplars."""
    data = pool(labels)
    images = next(data.batches(len(labels), method.device))
    flags = torch.tensor([i in replayed for i in range(len(labels))])
    return Batch(images, data.labels, data.poses, flags, torch.Generator().manual_seed(0))


def padded_method(step: int = 0, **losses: object) -> inemo.Learner:
    """A method of classes with different cuboids, begun at ``step``."""
    method = build("inemo", replace(facts(), bounds=torch.tensor(BOUNDS)))
    block = method.settings.losses.model_copy(update=losses)
    method.settings = method.settings.model_copy(update={"losses": block})
    method.begin_step(step)
    return method


def record(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[tuple[Any, ...], dict[str, Any], Tensor]]:
    """Arguments and result of each call of a function that the method uses."""
    calls = []
    real: Callable[..., Tensor] = getattr(inemo, name)

    def spy(*positional: object, **named: object) -> Tensor:
        result = real(*positional, **named)
        calls.append((positional, named, result))
        return result

    monkeypatch.setattr(inemo, name, spy)
    return calls


def seen_vertices(method: inemo.Learner, batch: Batch) -> list[tuple[int, int, Tensor]]:
    """Image, vertex and projection of every vertex that an image sees, image by image."""
    found = []
    for image, label in enumerate(batch.labels.tolist()):
        mesh, pose = method.meshes[label], batch.poses[image : image + 1]
        visible = observe_vertices(mesh, pose, method.camera, method.facts.distance).visible[0]
        uv = project(mesh.vertices, pose, method.camera, method.facts.distance)[0]
        found += [(image, vertex, uv[vertex]) for vertex in visible.nonzero()[:, 0].tolist()]
    return found


def test_a_feature_is_taken_at_its_vertex_and_aims_at_its_row_of_the_bank(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "vertex_contrastive")
    method = padded_method()
    batch = batch_of(method, [0, 1, 0])
    terms = method.losses(batch)
    [((features, target, bank, _, background), options, loss)] = calls
    assert torch.equal(terms["contrastive"], loss)
    maps = method.network(batch.images)
    seen = seen_vertices(method, batch)
    rows = 110
    assert target.tolist() == [int(batch.labels[image]) * rows + vertex for image, vertex, _ in seen]
    expected = torch.stack([maps[image, :, int(uv[1]), int(uv[0])] for image, _, uv in seen])
    torch.testing.assert_close(features, expected)
    assert bank is method.space.bank and bank.shape[1] == rows
    assert background is method.space.background
    block = method.settings.losses
    assert (options["kappa"], options["background_weight"]) == (block.kappa_contrastive, block.background_weight)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("unused", [True, False])
def test_negatives_are_all_vertices_of_seen_classes_and_the_unused_partitions(
    step: int, unused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = record(monkeypatch, "vertex_contrastive")
    method = padded_method(step, unused_partitions=unused)
    method.losses(batch_of(method, [0, 1]))
    [((_, _, _, valid, _), _, _)] = calls
    seen = 2 * (step + 1)
    assert valid.sum(dim=1).tolist() == [*COUNTS[:seen], *[110 if unused else 0] * (6 - seen)]
    assert all(valid[row, :count].all() for row, count in enumerate(COUNTS[:seen]))


def test_background_cells_are_pushed_from_vertices_of_seen_classes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "noise")
    method = padded_method()
    batch = batch_of(method, [0, 1, 0])
    terms = method.losses(batch)
    [((clutter, bank, valid), _, loss)] = calls
    assert torch.equal(bank, method.space.bank[:2]) and valid.sum(dim=1).tolist() == [108, 88]
    assert clutter.requires_grad and len(clutter) == 3 * method.settings.background_samples
    cells = background_cells(method, method.network(batch.images), batch)
    assert bool((torch.cdist(clutter, cells).amin(dim=1) < 1e-3).all())
    torch.testing.assert_close(terms["noise"], method.settings.losses.noise_weight * loss)


def background_cells(method: inemo.Learner, maps: Tensor, batch: Batch) -> Tensor:
    """Features of all cells that do not see the image's object."""
    meshes = [method.meshes[label] for label in batch.labels.tolist()]
    covered = observe_vertices(meshes, batch.poses, method.camera, method.facts.distance).covered
    assert bool(covered.any())
    return maps.permute(0, 2, 3, 1)[~covered]


def test_near_vertices_of_the_same_mesh_are_no_negatives(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "vertex_contrastive")
    method = padded_method()
    batch = batch_of(method, [0, 1])
    method.losses(batch)
    [(_, options, _)] = calls
    excluded = options["excluded"]
    reach = method.settings.losses.neighbour_cells
    assert reach == 1.5 and excluded.shape[1] == 110
    for row, (image, _, uv) in enumerate(seen_vertices(method, batch)):
        mesh = method.meshes[int(batch.labels[image])]
        others = project(mesh.vertices, batch.poses[image], method.camera, method.facts.distance)
        distance = (others - uv).norm(dim=1)
        clear = (distance - reach).abs() > 1e-3  # the rest may fall on either side
        near = excluded[row, : len(others)]
        assert bool((near == (distance <= reach))[clear].all())
        assert 1 < int(near.sum()) < len(others)


def test_the_positional_loss_pulls_to_the_centroid_of_the_label(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "positional")
    method = padded_method()
    batch = batch_of(method, [1, 0])
    terms = method.losses(batch)
    [((features, labels, centroids), options, loss)] = calls
    torch.testing.assert_close(terms["positional"], method.settings.losses.positional_weight * loss)
    assert labels.tolist() == [int(batch.labels[image]) for image, _, _ in seen_vertices(method, batch)]
    assert len(features) == len(labels) and centroids is method.space.centroids
    assert options == {"kappa": method.settings.losses.kappa_positional}


def second_step() -> inemo.Learner:
    """A method at its second step whose network has moved away from the teacher."""
    method = padded_method(step=1)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in method.network.projection.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) / 4)
    return method


def test_the_teacher_speaks_of_the_same_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "vertex_distillation")
    method = second_step()
    batch = batch_of(method, [2, 1, 3])
    terms = method.losses(batch)
    [((features, taught, bank, valid), options, loss)] = calls
    assert method.teacher is not None
    for found, network in ((features, method.network), (taught, method.teacher)):
        maps = network(batch.images)
        expected = [maps[image, :, int(uv[1]), int(uv[0])] for image, _, uv in seen_vertices(method, batch)]
        torch.testing.assert_close(found, torch.stack(expected))
    assert not taught.requires_grad and not torch.allclose(features, taught, atol=0.01)
    assert torch.equal(bank, method.space.bank[:2]) and valid.sum(dim=1).tolist() == [108, 88]
    assert options == {"kappa": method.settings.losses.kappa_distillation}
    torch.testing.assert_close(terms["distillation"], method.settings.losses.distillation_weight * loss)


def test_feature_maps_of_replayed_images_are_distilled() -> None:
    method = second_step()
    batch = batch_of(method, [2, 0, 3, 1], replayed=(1, 3))
    assert method.teacher is not None
    cosine = functional.cosine_similarity(method.network(batch.images), method.teacher(batch.images), dim=1)
    term = method.losses(batch)["feature distillation"]
    expected = method.settings.losses.feature_distillation_weight * (1 - cosine[[1, 3]].mean())
    torch.testing.assert_close(term, expected)
    assert term.requires_grad and float(term.detach()) > 0.1
    assert "feature distillation" not in method.losses(batch_of(method, [2, 0, 3, 1]))


def test_a_batch_moves_the_bank_by_the_share_of_its_images_that_see_a_vertex(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "update_vertices")
    method = padded_method()
    batch = batch_of(method, [0, 1, 0, 0])
    before = method.space.bank.clone()
    maps = method.network(batch.images).detach()
    method.losses(batch)
    method.after_batch(batch)
    [((_, _, _, counts), options, _)] = calls
    assert counts.tolist() == [3, 1, 0, 0, 0, 0]
    assert options == {"momentum": method.settings.bank_momentum}
    # iNeMo's update, vertex by vertex.
    sums = torch.zeros_like(before)
    for image, vertex, uv in seen_vertices(method, batch):
        sums[batch.labels[image], vertex] += maps[image, :, int(uv[1]), int(uv[0])]
    sums[0] /= 3
    moved = sums.any(dim=2)
    expected = torch.where(moved[..., None], functional.normalize(0.9 * before + 0.1 * sums, dim=2), before)
    torch.testing.assert_close(method.space.bank, expected)
    assert moved.any(dim=1).tolist() == [True, True, False, False, False, False]


def test_rows_of_classes_that_a_batch_lacks_stay_bit_for_bit() -> None:
    method = padded_method(step=1)
    before = method.space.bank.clone()
    batch = batch_of(method, [1, 3, 1])
    method.losses(batch)
    method.after_batch(batch)
    assert [torch.equal(new, old) for new, old in zip(method.space.bank, before, strict=True)] == [
        True,
        False,
        True,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("start", [0, 7, 120], ids=["first", "later", "over the end"])
def test_the_ring_moves_on_by_the_number_of_background_features(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "noise")
    method = padded_method()
    method.space = replace(method.space, cursor=start)
    before = method.space.background.clone()
    batch = batch_of(method, [0, 1, 0])
    method.losses(batch)
    method.after_batch(batch)
    [((clutter, _, _), _, _)] = calls
    size = method.settings.background_columns
    assert len(clutter) == 15 and size == 128
    assert method.space.cursor == (start + 15) % size
    written = [(start + i) % size for i in range(15)]
    assert torch.equal(method.space.background[written], clutter.detach())
    kept = [i for i in range(size) if i not in written]
    assert torch.equal(method.space.background[kept], before[kept])


def test_all_earlier_classes_are_distilled_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    banks = []

    def spy(features, teacher, bank, valid, **options):
        banks.append((len(bank), valid.any(dim=1).tolist()))
        return features.sum() * 0

    monkeypatch.setattr(inemo, "vertex_distillation", spy)
    method = build("inemo", facts((2, 2, 2)))
    for step, labels in enumerate(([0, 1], [2, 3], [4, 5])):
        method.begin_step(step)
        terms = method.losses(batch_of(method, labels))
        assert ("distillation" in terms) == (step > 0)
    assert banks == [(2, [True] * 2), (4, [True] * 4)]


def test_the_teacher_is_the_earlier_network_and_stands_still(tmp_path: Path) -> None:
    method = build("inemo")
    method.begin_step(0)
    train_step(method, TrainingData(pool([0, 1] * 8), torch.zeros(16, dtype=torch.bool)), tmp_path / "first")
    before = {name: value.clone() for name, value in method.network.state_dict().items()}
    method.begin_step(1)
    train_step(method, TrainingData(pool([2, 3] * 8), torch.zeros(16, dtype=torch.bool)), tmp_path / "second")
    assert method.teacher is not None and not any(module.training for module in method.teacher.modules())
    taught = method.teacher.state_dict()
    assert all(torch.equal(value, taught[name]) for name, value in before.items())
    assert any(not torch.equal(value, before[name]) for name, value in method.network.state_dict().items())


@pytest.mark.parametrize("exemplars", [2, 60], ids=["several passes", "a single pass"])
def test_exemplars_refill_the_background_bank(exemplars: int) -> None:
    method = padded_method()
    space = method.space
    before = space.background.clone()
    images = pool([0, 1] * (exemplars // 2))
    method.consolidate(images)
    assert bool((method.space.background != before).any(dim=1).all())
    size = method.settings.background_columns
    written = exemplars * method.settings.background_samples
    assert method.space.cursor == max(1, math.ceil(size / written)) * written % size
    assert method.space.bank is space.bank
    batch = batch_of(method, images.labels.tolist())
    cells = background_cells(method, method.network(batch.images).detach(), batch)
    assert bool((torch.cdist(method.space.background, cells).amin(dim=1) < 1e-3).all())


def test_without_exemplars_the_background_bank_stays() -> None:
    method = padded_method()
    space = method.space
    method.consolidate(pool([0]).subset([]))
    assert method.space is space


def test_background_is_drawn_from_free_cells_even_where_few_are_left() -> None:
    method = build("inemo")
    method.begin_step(0)
    batch = batch_of(method, [0, 1, 0])
    height, width = method.camera.image_size
    # Every cell's feature names its image and place.
    place = torch.arange(3 * height * width, dtype=torch.float32).view(3, 1, height, width)
    covered = torch.ones(3, height, width, dtype=torch.bool)
    free = [(0, 0, 0), (0, 2, 1), (1, 1, 1)]
    for cell in free:
        covered[cell] = False
    views = replace(method._observe(batch), covered=covered)
    drawn = method._background_features(place, views, batch.generator)
    assert sorted(drawn[:, 0].tolist()) == sorted(place[i, 0, r, c].item() for i, r, c in free)


def claim(method: inemo.Learner, images: Tensor, label: int, start: int = 0) -> None:
    """Let the bank's rows of a class from ``start`` on be features of the first image."""
    with torch.no_grad():
        columns = method.network.eval()(images)[0].flatten(1).T
    bank = method.space.bank.clone()
    rows = bank.shape[1] - start
    bank[label, start:] = columns.repeat(math.ceil(rows / len(columns)), 1)[:rows]
    method.space = replace(method.space, bank=bank)


def test_only_seen_classes_are_candidates() -> None:
    method = padded_method()
    images = batch_of(method, [0, 1]).images
    claim(method, images, label=2)
    prediction = method.predict(images)
    assert prediction.scores.shape == method.scores(images).shape == (2, 2)
    assert int(prediction.labels.max()) < 2
    method.begin_step(1)
    prediction = method.predict(images)
    assert prediction.scores.shape == method.scores(images).shape == (2, 4)
    assert int(prediction.labels[0]) == 2 == int(method.scores(images)[0].argmax())


def test_padding_of_the_bank_has_no_say_in_a_prediction() -> None:
    method = padded_method()
    images = batch_of(method, [0, 1]).images
    prediction, scores = method.predict(images), method.scores(images)
    claim(method, images, label=1, start=88)
    again = method.predict(images)
    assert torch.equal(again.scores, prediction.scores) and torch.equal(again.poses, prediction.poses)
    assert torch.equal(method.scores(images), scores)
    claim(method, images, label=1, start=87)
    assert not torch.equal(method.scores(images), scores)


def test_a_state_holds_all_that_a_run_goes_on_from(tmp_path: Path) -> None:
    method = padded_method()
    exemplars = pool([0, 1] * 3)
    method.consolidate(exemplars)
    batch = batch_of(method, [0, 1, 0])
    method.losses(batch)
    method.after_batch(batch)
    save_state(tmp_path / "state.safetensors", method.state())
    with safe_open(str(tmp_path / "state.safetensors"), framework="pt") as file:
        assert {name.split("/")[0] for name in file.keys()} == {"network", "space"}  # noqa: SIM118
    state = load_state(tmp_path / "state.safetensors")
    assert set(state) == {"step", "network", "space", "classes", "exemplars", "seed"}
    assert (state["step"], state["seed"], state["classes"]) == (0, 0, list(method.facts.classes))
    assert state["exemplars"] == list(exemplars.ids)
    assert state["space"]["cursor"] == method.space.cursor != 0
    for name in ("bank", "background", "centroids"):
        assert torch.equal(state["space"][name], getattr(method.space, name))
    again = padded_method()
    again.load_state(state)
    assert again.state()["exemplars"] == state["exemplars"]


@pytest.mark.parametrize(
    ("changes", "other_facts", "message"),
    [
        ({}, {"classes": ("class3", "class2", "class1", "class0")}, "classes class0"),
        ({}, {"seed": 7}, "seed 0, not 7"),
        ({"dim": 24}, {}, "vertices and dimensions"),
        ({"partitions": 9}, {}, "partitions .*, not 9"),
    ],
)
def test_a_state_of_another_run_is_refused(
    changes: dict[str, object], other_facts: dict[str, object], message: str
) -> None:
    method = build("inemo")
    chosen = settings("inemo").model_copy(update=changes)
    other = inemo.Learner(chosen, replace(facts(), **other_facts), torch.device("cpu"))
    with pytest.raises(InputError, match=f"belongs to a run with {message}"):
        other.load_state(method.state())


def test_a_state_after_growth_goes_on_where_it_was() -> None:
    chosen = settings("inemo").model_copy(update={"partitions": 2, "partition_growth": "grow"})
    grown, again = (inemo.Learner(chosen, facts(), torch.device("cpu")) for _ in range(2))
    for step in (0, 1):
        grown.begin_step(step)
        again.load_state(grown.state())
        assert torch.equal(again.space.bank, grown.space.bank)


def test_scaled_distillation_is_divided_by_the_concentration_squared() -> None:
    terms = []
    for scale in ("none", "inverse-square"):
        method = padded_method(1, distillation_scale=scale, kappa_distillation=0.5)
        with torch.no_grad():
            method.network.projection.weight.add_(0.1)
        terms.append(method.losses(batch_of(method, [0, 1, 2, 3]))["distillation"].detach())
    assert float(terms[0]) > 0
    torch.testing.assert_close(terms[1], 4 * terms[0])


def test_checks_say_whether_the_mechanisms_acted() -> None:
    method = padded_method(distillation_weight=2.0)
    shown = pool([0, 1, 0, 1])
    assert {n for n in method.checks(shown) if "before" in n} == set()
    method.begin_step(1)
    method.space = replace(method.space, bank=method.space.bank.clone())
    same = method.checks(pool([0, 1, 2, 3]))
    assert same["cosine of bank to before"] == pytest.approx(1, abs=1e-5)
    assert same["cosine of features to before"] == pytest.approx(1, abs=1e-5)
    assert same["gradient of distillation"] == pytest.approx(0, abs=1e-5)
    assert same["bank in own region"] == 1 and 0 <= same["features in own region"] <= 1
    with torch.no_grad():
        method.space.bank[:2] = method.space.bank[[1, 0]]
        method.network.projection.weight.mul_(-1)
    moved = method.checks(pool([0, 1, 2, 3]))
    assert moved["bank in own region"] < 0.6 and moved["cosine of bank to before"] < 0.5
    assert moved["cosine of features to before"] < 0.5 and moved["gradient of distillation"] > 0
    state = method.state()
    assert torch.equal(state["space"]["bank"], method.space.bank)


def test_a_gradient_share_is_a_ratio_of_norms() -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    terms = {"contrastive": weight.sum(), "noise": 3 * weight[0], "positional": torch.tensor(1.0)}
    assert gradient_checks(terms, [weight]) == pytest.approx(
        {"gradient of noise": 3 / 2**0.5, "gradient of positional": 0}
    )


def test_hidden_vertices_are_invisible_and_what_hides_them_is_background() -> None:
    method = padded_method()
    batch = batch_of(method, [0, 1])
    height, width = batch.images.shape[-2:]
    hidden = torch.zeros(2, height, width, dtype=torch.bool)
    hidden[1, :, : width // 2] = True
    free, views = method._observe(batch), method._observe(replace(batch, hidden=hidden))
    left = views.column < method.camera.image_size[1] // 2
    assert torch.equal(views.visible[0], free.visible[0]) and torch.equal(views.covered[0], free.covered[0])
    assert torch.equal(views.visible[1], free.visible[1] & ~left[1])
    half = method.camera.image_size[1] // 2
    assert not views.covered[1, :, :half].any() and free.covered[1, :, :half].any()
    assert torch.equal(views.covered[1, :, half:], free.covered[1, :, half:])
