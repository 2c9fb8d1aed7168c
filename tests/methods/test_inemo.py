"""iNeMo's steps: what is distilled, that the teacher stands still, and how the background bank is filled."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from meshcil.methods import inemo
from meshcil.methods.base.method import Batch
from meshcil.training.trainer import TrainingData, train_step
from tests.methods.factory import build, facts, pool


def batch_of(method: inemo.Learner, labels: list[int]) -> Batch:
    data = pool(labels)
    images = next(data.batches(len(labels), method.device))
    generator = torch.Generator().manual_seed(0)
    return Batch(images, data.labels, data.poses, torch.zeros(len(labels), dtype=torch.bool), generator)


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
    method = build("inemo")
    method.begin_step(0)
    before = method.space.background.clone()
    method.consolidate(pool([0, 1] * (exemplars // 2)))
    assert (method.space.background != before).any(dim=1).all()


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
