"""Balanced phases: which images, which parameters, and what stays as it was."""

from pathlib import Path

import torch

from meshcil.training.selection import TrainingData, balanced_subset
from meshcil.training.trainer import train_step
from tests.methods.factory import build, pool


def data() -> TrainingData:
    """Eight images of each new class, three exemplars of each old one."""
    joined = pool([2, 3] * 8 + [0, 1] * 3, seed=4)
    return TrainingData(joined, torch.arange(len(joined)) >= 16)


def test_balanced_images_are_all_exemplars_and_as_many_of_each_new_class() -> None:
    method = build("podnet")
    method.begin_step(0)
    method.begin_step(1)
    chosen = data().subset(balanced_subset(method, data()))
    assert chosen.pool.labels.bincount().tolist() == [3, 3, 3, 3]
    assert int(chosen.replayed.sum()) == 6 and len(set(chosen.pool.ids)) == 12
    alone = TrainingData(data().new, torch.zeros(16, dtype=torch.bool))
    assert alone.subset(balanced_subset(method, alone)).pool.labels.bincount().tolist() == [0, 0, 8, 8]


def test_only_afc_s_classifier_learns_on_the_balanced_set() -> None:
    parameters = {}
    for kind in ("podnet", "afc"):
        method = build(kind)
        method.begin_step(0)
        assert [phase.name for phase in method.phases()] == ["train"]
        method.begin_step(1)
        main, last = method.phases()
        assert last.balanced and not main.balanced and last.training.schedule == "cosine"
        parameters[kind] = (len(main.parameters), len(last.parameters))
    assert parameters["podnet"][0] == parameters["podnet"][1]
    assert parameters["afc"][1] == 2  # the new rows and the scale; old rows are frozen


def test_importance_leaves_the_running_statistics(tmp_path: Path) -> None:
    method = build("afc", epochs=1)
    method.begin_step(0)
    train_step(method, TrainingData(pool([0, 1] * 6), torch.zeros(12, dtype=torch.bool)), tmp_path / "checkpoint")
    before = {name: value.clone() for name, value in method.network.named_buffers()}
    method.finish_step(pool([0, 1] * 4, seed=3))
    assert all(torch.equal(value, before[name]) for name, value in method.network.named_buffers())
    assert [len(weights) for weights in method.importance] == [16, 32, 64, 64]
    assert all(abs(float(weights.mean()) - 1) < 1e-5 for weights in method.importance)
