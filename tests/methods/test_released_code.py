"""Each flag of `released_code` shows the symptom of the defect it stands for; without it there is none."""

import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from meshcil.config.methods.inemo import ReleasedCode, Settings
from meshcil.config.run import load_method
from meshcil.core.errors import InputError
from meshcil.losses.distillation import vertex_distillation
from meshcil.memory.released import select_by_azimuth
from meshcil.memory.selection import select
from meshcil.memory.store import ExemplarStore
from meshcil.methods import inemo
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.mesh_rules import MeshRules, mesh_rules
from meshcil.models.etf import share_latent_space, simplex_etf
from meshcil.training.selection import selection_inputs
from meshcil.training.trainer import TrainingData, train_step
from tests.methods.factory import CONFIG, facts, pool, settings
from tests.methods.test_inemo import BOUNDS, batch_of, claim, record


def released(*flags: str, steps: tuple[int, ...] = (2, 2), **changes: object) -> inemo.Learner:
    """A method with these flags, of classes with different cuboids."""
    run = facts(steps)
    if steps == (2, 2):
        run = replace(run, bounds=torch.tensor(BOUNDS))
    block = ReleasedCode(**dict.fromkeys(flags, True))
    chosen = settings("inemo").model_copy(update={"released_code": block, **changes})
    return inemo.Learner(chosen, run, torch.device("cpu"))


def losses_with(**changes: float) -> dict[str, object]:
    """The method's losses with other numbers."""
    return {"losses": settings("inemo").losses.model_copy(update=changes)}


def test_all_flags_are_off_by_default_and_on_in_as_released() -> None:
    assert not any(load_method("inemo", CONFIG).released_code.model_dump().values())
    assert all(load_method("inemo-as-released", CONFIG).released_code.model_dump().values())


def test_as_released_has_none_of_our_additions() -> None:
    found, paper = load_method("inemo-as-released", CONFIG), load_method("inemo-paper", CONFIG)
    same_map = {"neighbour_cells": paper.losses.neighbour_cells}
    assert found.losses.model_copy(update=same_map) == paper.losses
    assert found.inference == paper.inference


def test_as_released_learns_two_steps_and_stops_where_the_released_code_does(tmp_path: Path) -> None:
    small = {"dim": 16, "target_vertices": 60, "partitions": 4, "background_columns": 64}
    chosen = settings("inemo-as-released").model_copy(update=small)
    method = inemo.Learner(chosen, replace(facts(), bounds=torch.tensor(BOUNDS)), torch.device("cpu"))
    store = ExemplarStore()
    for step, quota in enumerate((4, 2)):
        labels = [2 * step] * 12 + [2 * step + 1] * 12
        images = pool(labels, seed=step)
        # Eleven images of one side, so that a bin holds ten, and one of another.
        images.poses[:, 0] = torch.tensor([0.1 + 0.01 * i for i in range(11)] + [3.0]).repeat(2)
        method.begin_step(step)
        rows = train_step(method, TrainingData(images, torch.zeros(24, dtype=torch.bool)), tmp_path / f"step{step}")
        assert ("distillation" in rows[-1]) == (step == 1) and "feature distillation" not in rows[-1]
        ranked = {f"class{label}": ranks(method, images, label, quota) for label in (2 * step, 2 * step + 1)}
        store = method.update_exemplars(store, ranked, quota)
        method.consolidate(images)
        assert method.predict(batch_of(method, [0, 1]).images).scores.shape == (2, 4)
    assert [len(ids) for _, ids in store.classes] == [4, 4, 2, 2]
    with pytest.raises(InputError, match="divides by zero"):
        ranks(method, pool([0] * 12), 0, 4)


def ranks(method: inemo.Learner, images: ImagePool, label: int, count: int) -> list[str]:
    """Ids of the exemplars of a class, as the stage that selects finds them."""
    own = images.subset((images.labels == label).nonzero()[:, 0])
    arrays = selection_inputs(method, own, method.settings.exemplars)
    return [own.ids[i] for i in method.rank_exemplars(count, seed=0, **arrays)]


def test_shared_partition() -> None:
    centroids = simplex_etf(20, 128, torch.Generator().manual_seed(0))
    shared = share_latent_space(centroids, 1145, torch.Generator().manual_seed(1))
    own = (shared @ centroids.T).argmax(-1) == torch.arange(20)[:, None]
    assert own.double().mean().item() == pytest.approx(0.05, abs=1e-9)
    mean = torch.einsum("nvd,nd->nv", shared, centroids).mean().item()
    assert mean == pytest.approx(0.0, abs=1e-3)
    method = released("shared_partition")
    assert all(torch.equal(row.unique(dim=0), method.space.bank[0].unique(dim=0)) for row in method.space.bank)
    bank, frame = released().space.bank, released().space.centroids
    assert bool(((bank @ frame.T).argmax(-1) == torch.arange(len(frame))[:, None]).all())


@pytest.mark.parametrize("weight", [2.0, 6.0])
@pytest.mark.parametrize("flag", [True, False])
def test_distillation_temperature(flag: bool, weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "vertex_distillation")
    for kappa in (0.5, 1.5):
        changes = losses_with(distillation_weight=weight, kappa_distillation=kappa)
        method = released(*["distillation_temperature"] * flag, **changes)
        method.begin_step(1)
        with torch.no_grad():
            method.network.projection.weight.neg_()  # away from the teacher
        term = method.losses(batch_of(method, [2, 3]))["distillation"]
        data, options, _ = calls.pop()
        # The released code reads the weight in both places; here the weight is only a factor.
        expected = weight if flag else kappa
        assert options == {"kappa": expected}
        torch.testing.assert_close(term, weight * vertex_distillation(*data, kappa=expected))
        assert float(term.detach()) > 1e-3


@pytest.mark.parametrize("flag", [True, False])
def test_scaled_background_weight(flag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "vertex_contrastive")
    method = released(*["scaled_background_weight"] * flag)
    method.begin_step(0)
    loss, gradient = contrastive_of(method)
    [((features, *_), options, _)] = calls
    weight = options["background_weight"]
    assert weight == pytest.approx(1.2e-33 if flag else 5e-3, rel=0.05)
    assert math.log(weight) == pytest.approx(-75.8 if flag else -5.3, abs=0.12)  # -75.8 at kappa1 = 14.3
    # A background that looks like the object: the hardest negatives there can be.
    columns = len(method.space.background)
    like_object = features.detach().repeat(columns // len(features) + 1, 1)[:columns]
    method.space = replace(method.space, background=like_object)
    other_loss, other_gradient = contrastive_of(method)
    assert float(gradient.norm()) > 1e-3
    assert torch.equal(loss, other_loss) is flag
    assert torch.equal(gradient, other_gradient) is flag


def contrastive_of(method: inemo.Learner) -> tuple[Tensor, Tensor]:
    """The contrastive loss of a batch, and its gradient with respect to the projection."""
    method.network.zero_grad()
    term = method.losses(batch_of(method, [0, 1]))["contrastive"]
    term.backward()
    gradient = method.network.projection.weight.grad
    assert gradient is not None
    return term.detach(), gradient.clone()


def test_all_partitions_compete() -> None:
    method = released("all_partitions_compete", partitions=4)
    method.begin_step(0)
    images = batch_of(method, [0, 1]).images
    claim(method, images, label=3)
    prediction = method.predict(images)
    assert method.seen == 2 and prediction.scores.shape == (2, 4)
    assert int(prediction.labels[0]) == 3
    with pytest.raises(InputError, match="6 partitions compete for 4 classes"):
        released("all_partitions_compete", partitions=6)


@pytest.mark.parametrize("flag", [True, False])
def test_first_classes_distilled(flag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = record(monkeypatch, "vertex_distillation")
    method = released(*["first_classes_distilled"] * flag, steps=(3, 3, 3, 3), partitions=12)
    for step in range(4):
        method.begin_step(step)
        method.losses(batch_of(method, [3 * step, 0]))
    assert [len(bank) for ((_, _, bank, _), _, _) in calls] == ([3, 3, 3] if flag else [3, 6, 9])


def run_memory(method: inemo.Learner) -> list[int]:
    """Exemplars after each of four steps of three classes with a budget of 240."""
    store, held = ExemplarStore(), []
    for step in range(4):
        quota = 240 // (3 * (step + 1))
        ranked = {f"class{3 * step + c}": [f"{step}-{c}-{i}" for i in range(quota)] for c in range(3)}
        store = method.update_exemplars(store, ranked, quota)
        held.append(len(store))
    return held


def test_growing_memory() -> None:
    assert run_memory(released("growing_memory")) == [240, 360, 438, 498]
    assert run_memory(released("growing_memory", "empty_reduction")) == [240, 360, 438, 498]
    assert run_memory(released()) == [240, 240, 234, 240]


def test_empty_reduction() -> None:
    assert run_memory(released("empty_reduction")) == [240, 120, 78, 60]


def azimuths(*counts: int) -> np.ndarray:
    """So many images in each of ten bins, spread within the bin, from 0 to 360 degrees."""
    degrees = [36 * b + 36 * (np.arange(n) + 0.5) / n for b, n in enumerate(counts)]
    joined = np.concatenate(degrees)
    joined[0], joined[-1] = 0.0, 359.99
    return np.deg2rad(joined)


def test_azimuth_selection() -> None:
    dominant = select_by_azimuth(azimuths(700, *[5] * 9), 80, seed=0)
    assert len(dominant) == len(set(dominant)) == 125  # 80 and all 45 that lie beyond the only edge left
    sparse_end = select_by_azimuth(azimuths(*[20] * 8, 0, 3), 80, seed=0)
    assert len(sparse_end) == 83
    few = select_by_azimuth(azimuths(70, *[0] * 8, 2), 80, seed=0)
    assert len(few) == 80 > len(set(few))
    with pytest.raises(InputError, match="divides by zero"):
        select_by_azimuth(azimuths(*[6] * 10), 80, seed=0)
    with pytest.raises(InputError, match="6 images from 10 groups"):
        select_by_azimuth(azimuths(*[20] * 10), 6, seed=0)
    assert select_by_azimuth([], 3, 0) == select_by_azimuth([0.1], 0, 0) == []


def test_the_seam_of_the_azimuth_selection_gives_frontal_views_two_shares() -> None:
    frontal = [*np.linspace(0.5, 10, 10), *np.linspace(350, 359.5, 10)]
    azimuth = np.deg2rad([*frontal, *np.linspace(146, 160, 20)])
    assert sum(i < 20 for i in select_by_azimuth(azimuth, 12, seed=0)) == 8
    assert sum(i < 20 for i in select("pose-aware", 12, azimuth=azimuth, seed=0)) == 6


def test_the_azimuth_selection_skips_a_group_of_one_image() -> None:
    alone, pair = azimuths(20, *[0] * 8, 1), azimuths(20, *[0] * 8, 2)
    assert all(20 not in select_by_azimuth(alone, 20, seed) for seed in range(10))
    assert set(select_by_azimuth(pair, 20, seed=0)) == set(range(22))
    assert 20 in select("pose-aware", 20, azimuth=alone, seed=0)


def test_azimuth_selection_is_what_the_method_ranks_by() -> None:
    azimuth = azimuths(700, *[5] * 9)
    assert len(released("azimuth_selection").rank_exemplars(80, seed=0, azimuth=azimuth)) == 125
    assert len(released().rank_exemplars(80, seed=0, azimuth=azimuth)) == 80
    other = released("azimuth_selection", exemplars="random")
    assert len(other.rank_exemplars(80, seed=0, azimuth=azimuth)) == 80


def test_a_class_selected_by_azimuth_is_thinned_from_all_sides() -> None:
    azimuth = azimuths(*[40] * 10)
    first = np.rad2deg(azimuth[select_by_azimuth(azimuth, 80, seed=0)[:40]])
    assert len(np.unique(first // 36)) == 10


def test_azimuth_selection_alone_overfills_until_the_class_is_thinned() -> None:
    method = released("azimuth_selection")
    first = {"car": [f"car{i}" for i in (0, 1, 1, 2)], "bus": ["bus0", "bus1"]}
    store = method.update_exemplars(ExemplarStore(), first, 2)
    assert dict(store.classes) == {"car": ("car0", "car1", "car1", "car2"), "bus": ("bus0", "bus1")}
    later = method.update_exemplars(store, {"boat": ["boat0", "boat1"]}, 1)
    assert dict(later.classes) == {"car": ("car0",), "bus": ("bus0",), "boat": ("boat0", "boat1")}


def test_over_selection_stays_in_memory_until_it_is_reduced() -> None:
    ranked = {"car": [f"image{i}" for i in (0, 1, 1, 2)]}
    store = released("growing_memory").update_exemplars(ExemplarStore(), ranked, 2)
    assert dict(store.classes) == {"car": ("image0", "image1", "image1", "image2")}


@pytest.mark.parametrize("flag", [True, False])
def test_teacher_in_training_mode(flag: bool, tmp_path: Path) -> None:
    method = released(*["teacher_in_training_mode"] * flag)
    method.begin_step(1)
    assert method.teacher is not None
    before = {name: value.clone() for name, value in method.teacher.state_dict().items()}
    images = batch_of(method, [2, 3, 2, 3]).images
    alone, together = method.teacher(images[:2]), method.teacher(images)[:2]
    assert torch.allclose(alone, together, atol=1e-4) is not flag
    train_step(method, TrainingData(pool([2, 3] * 4), torch.zeros(8, dtype=torch.bool)), tmp_path / "checkpoint")
    drifted = [name for name, value in method.teacher.state_dict().items() if not torch.equal(value, before[name])]
    assert all("running" in name or "num_batches" in name for name in drifted)
    assert bool(drifted) is flag


def test_transposed_pose_error() -> None:
    def error(method: inemo.Learner, *angles: float) -> float:
        first = torch.tensor([[0.0, 30.0, 0.0]], dtype=torch.float64).deg2rad()
        second = torch.tensor([[angles[1], angles[0], angles[2]]], dtype=torch.float64).deg2rad()
        return float(method.pose_error(first, second).rad2deg())

    flagged, plain = released("transposed_pose_error"), released()
    assert error(flagged, 30, 20, 20) == pytest.approx(34.596660, abs=1e-5)
    assert error(flagged, 30, 20, -20) == pytest.approx(19.923701, abs=1e-5)
    assert error(plain, 30, 20, 20) == pytest.approx(19.923701, abs=1e-5)
    # The matrix as it stands in the released code.
    generator = torch.Generator().manual_seed(0)
    for a, b in torch.randn(5, 2, 3, generator=generator, dtype=torch.float64):
        relative = released_matrix(a).T @ released_matrix(b)
        angle = math.acos((float(relative.trace()) - 1) / 2)
        assert float(flagged.pose_error(a[None], b[None])) == pytest.approx(angle, abs=1e-7)


def released_matrix(pose: torch.Tensor) -> torch.Tensor:
    """Rz(theta) Rx(pi/2 - elevation) Rz(azimuth)."""
    azimuth, elevation, theta = pose.tolist()

    def about_z(a: float) -> torch.Tensor:
        c, s = math.cos(a), math.sin(a)
        return torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)

    c, s = math.cos(math.pi / 2 - elevation), math.sin(math.pi / 2 - elevation)
    about_x = torch.tensor([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=torch.float64)
    return about_z(theta) @ about_x @ about_z(azimuth)


@pytest.mark.parametrize("flag", [True, False])
def test_padding_counts(flag: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    distilled, pushed = record(monkeypatch, "vertex_distillation"), record(monkeypatch, "noise")
    method = released(*["padding_counts"] * flag)
    method.begin_step(1)
    method.losses(batch_of(method, [2, 3]))
    counts = [108, 88, 96, 110]
    expected = [110] * 4 if flag else counts
    assert distilled[0][0][3].sum(dim=1).tolist() == expected[:2]
    assert pushed[0][0][2].sum(dim=1).tolist() == expected
    images = batch_of(method, [0, 1]).images
    scores = method.scores(images)
    claim(method, images, label=1, start=88)
    assert torch.equal(method.scores(images), scores) is not flag


OWN_RULES = {
    "shared_partition": {"fill"},
    "distillation_temperature": {"kappa_distillation"},
    "scaled_background_weight": {"background_weight"},
    "all_partitions_compete": {"candidates"},
    "first_classes_distilled": {"distilled"},
    "growing_memory": {"update"},
    "empty_reduction": {"update"},
    "azimuth_selection": {"rank", "update"},  # what it selects too much has to be kept
    "teacher_in_training_mode": {"teacher_trains"},
    "transposed_pose_error": {"pose_error"},
    "padding_counts": {"padding"},
}


def outcome(rules: MeshRules) -> dict[str, object]:
    """What each rule says in a case where the paper's and the released code's differ."""
    run, pose = facts((2, 2, 2)), torch.tensor([[0.3, 0.5, 0.2]], dtype=torch.float64)
    store = ExemplarStore((("car", ("car0", "car1", "car2")),))
    return {
        "fill": rules.fill,
        "kappa_distillation": rules.kappa_distillation,
        "background_weight": rules.background_weight,
        "candidates": rules.candidates(4, 6),
        "distilled": [rules.distilled(run, step) for step in (1, 2)],
        "update": rules.update(store, {"bus": ("bus0", "bus1", "bus2")}, 2).classes,
        "rank": rules.rank(80, seed=0, azimuth=azimuths(700, *[5] * 9)),
        "teacher_trains": rules.teacher_trains,
        "pose_error": float(rules.pose_error(pose, torch.zeros_like(pose))),
        "padding": rules.padding,
    }


def rules_of(**flags: bool) -> dict[str, object]:
    chosen: Settings = settings("inemo").model_copy(update={"released_code": ReleasedCode(**flags)})
    return outcome(mesh_rules(chosen))


def test_each_flag_changes_its_own_rules_and_no_other() -> None:
    plain = rules_of()
    assert set(plain) == {field.name for field in fields(MeshRules)}
    found = {}
    for flag in ReleasedCode.model_fields:
        rules = rules_of(**{flag: True})
        found[flag] = {name for name in plain if rules[name] != plain[name]}
    assert found == OWN_RULES
