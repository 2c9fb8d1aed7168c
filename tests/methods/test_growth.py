"""More classes than partitions: an error where they are fixed, otherwise the frame grows and the network follows."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from meshcil.core.artifacts import load_state, save_state
from meshcil.core.errors import InputError
from meshcil.methods.inemo import Learner
from meshcil.models.frames import turn
from meshcil.training.trainer import TrainingData, train_step
from tests.methods.factory import facts, pool, settings
from tests.methods.test_inemo import batch_of

STEPS = (2, 1, 2)


def growing(growth: str = "grow", **training: object) -> Learner:
    """A method with three partitions for five classes."""
    chosen = settings("inemo", **training).model_copy(update={"partitions": 3, "partition_growth": growth})
    return Learner(chosen, facts(STEPS), torch.device("cpu"))


def test_fixed_partitions_are_refused_before_the_run() -> None:
    with pytest.raises(InputError, match=r"is 3, fewer than the run's 5 classes.*partition_growth: grow"):
        growing("fixed")
    assert growing().settings.final_partitions(3) == 3
    assert growing().settings.final_partitions(13) == 24


def test_partitions_double_when_a_class_finds_none() -> None:
    method = growing()
    for step, partitions in enumerate((3, 3, 6)):
        method.begin_step(step)
        assert len(method.space.bank) == len(method.space.centroids) == partitions
        method.losses(batch_of(method, [0, 1]))
        method.after_batch(batch_of(method, [0, 1]))
    assert method.scores(batch_of(method, [0]).images).shape == (1, 5)


def trained(tmp_path: Path) -> Learner:
    method = growing(epochs=3, lr=5e-3)
    for step, labels in enumerate(([0, 1] * 8, [2] * 8)):
        method.begin_step(step)
        replayed = torch.zeros(len(labels), dtype=torch.bool)
        train_step(method, TrainingData(pool(labels, seed=step), replayed), tmp_path / f"checkpoint{step}")
    return method


def test_the_network_follows_its_vertices(tmp_path: Path) -> None:
    method = trained(tmp_path)
    exemplars = pool([0, 1, 2] * 6)
    method.consolidate(exemplars)
    before, network = method.space, method.network.eval()
    batch = batch_of(method, [0, 1, 2] * 6)
    images = next(exemplars.batches(18, method.device))
    batch = replace(batch, images=images)
    views = method._observe(batch)
    image, vertex = views.visible.nonzero(as_tuple=True)
    where = (image, slice(None), views.row[image, vertex], views.column[image, vertex])
    label = batch.labels[image]
    with torch.no_grad():
        old = network(images)[where]
    method.begin_step(2)
    with torch.no_grad():
        new = method.network.eval()(images)[where]
    wanted = turn(old[:, None], before.centroids[label], method.space.centroids[label])[:, 0]
    assert float((new - wanted).square().sum()) < 0.8 * float((old - wanted).square().sum())
    assert method.teacher is not None
    with torch.no_grad():
        assert torch.equal(method.teacher(images), method.network(images))


def test_without_exemplars_only_the_banks_turn(tmp_path: Path) -> None:
    method = trained(tmp_path)
    weights = {name: value.clone() for name, value in method.network.state_dict().items()}
    method.begin_step(2)
    assert len(method.space.bank) == 6
    assert all(torch.equal(value, weights[name]) for name, value in method.network.state_dict().items())


def test_a_grown_state_survives_the_disk_and_grows_alike(tmp_path: Path) -> None:
    method = trained(tmp_path)
    save_state(tmp_path / "state", method.state())
    states = []
    for _ in range(2):
        again = growing()
        again.load_state(load_state(tmp_path / "state"))
        again.consolidate(pool([0, 1, 2] * 3))
        again.begin_step(2)
        save_state(tmp_path / "grown", again.state())
        states.append((tmp_path / "grown").read_bytes())
    assert states[0] == states[1]
    last = growing()
    last.load_state(load_state(tmp_path / "grown"))
    assert len(last.space.bank) == 6 and last.scores(batch_of(last, [0]).images).shape == (1, 5)
