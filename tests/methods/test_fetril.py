"""FeTrIL's later steps: the set of features that the heads train on, and in which batches."""

import math
from pathlib import Path

import pytest
import torch

from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch, Method
from meshcil.training.selection import TrainingData
from meshcil.training.trainer import Interrupted, train_step
from tests.methods.factory import build, facts, pool


def trained_on(method: Method, step: int, images: ImagePool, checkpoint: Path, interrupt: int = 0) -> list[Batch]:
    """Train a step, stopped once after ``interrupt`` batches; the batches that it took."""
    taken: list[Batch] = []
    real = method.losses

    def spy(batch: Batch) -> dict[str, torch.Tensor]:
        taken.append(batch)
        return real(batch)

    method.begin_step(step)
    data = TrainingData(images, torch.zeros(len(images), dtype=torch.bool))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "losses", spy)
        if interrupt:
            with pytest.raises(Interrupted):
                train_step(method, data, checkpoint, stop=lambda: len(taken) == interrupt)
        train_step(method, data, checkpoint)
    return taken


def test_an_epoch_takes_every_real_and_pseudo_feature_once(tmp_path: Path) -> None:
    method = build("fetril", facts((3, 2)), epochs=2, batch_size=8)
    trained_on(method, 0, pool([0, 1, 2] * 4), tmp_path / "0")
    batches = trained_on(method, 1, pool([3, 4] * 5, seed=1), tmp_path / "1")
    # 10 real features, and 5 pseudo-features of each of 3 old classes.
    updates = math.ceil(25 / 8)
    assert [len(batch.labels) for batch in batches] == [8, 8, 8, 1] * 2 and len(batches) == 2 * updates
    for epoch in (batches[:updates], batches[updates:]):
        labels = torch.cat([batch.labels for batch in epoch])
        assert labels.bincount().tolist() == [5] * 5
        rows = torch.cat([batch.images for batch in epoch])
        stored = method.features(next(pool([3, 4] * 5, seed=1).batches(10, method.device)))
        assert torch.equal(rows[labels >= 3].sort(dim=0).values, stored.sort(dim=0).values)
    assert all(len(batch.labels.unique()) > 2 for batch in batches[:3]), "old and new classes share batches"


def test_pseudo_features_of_a_class_lie_around_its_own_mean(tmp_path: Path) -> None:
    method = build("fetril", epochs=1)
    trained_on(method, 0, pool([0, 1] * 4), tmp_path / "0")
    batches = trained_on(method, 1, pool([2, 3] * 4, seed=1), tmp_path / "1")
    rows, labels = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("images", "labels"))
    for label in range(4):
        torch.testing.assert_close(rows[labels == label].mean(dim=0), method.mean_features[label])
    poses = torch.cat([batch.poses for batch in batches])
    assert torch.equal(poses.isnan().any(dim=1), labels < 2), "a pseudo-feature is of no image, so it has no pose"


def test_only_the_heads_learn_in_a_later_step_and_an_interrupted_one_goes_on(tmp_path: Path) -> None:
    results = []
    for interrupt in (0, 2):
        method = build("fetril", epochs=2)
        trained_on(method, 0, pool([0, 1] * 4), tmp_path / f"{interrupt}-0")
        before = {name: value.clone() for name, value in method.network.backbone.state_dict().items()}
        trained_on(method, 1, pool([2, 3] * 4, seed=1), tmp_path / f"{interrupt}-1", interrupt)
        after = method.network.backbone.state_dict()
        assert all(torch.equal(value, before[name]) for name, value in after.items())
        results.append(method.network.state_dict())
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())
