"""FeTrIL's later steps: means and the features that they move come from images in one state."""

from pathlib import Path

import pytest
import torch

from meshcil.methods.base.images import ImagePool, as_floats, normalise
from meshcil.methods.base.method import Batch, Method
from meshcil.training.data import TrainingData
from meshcil.training.trainer import train_step
from tests.methods.factory import build, pool


def trained_on(method: Method, step: int, images: ImagePool, checkpoint: Path) -> list[Batch]:
    """Train a step; the batches that it took."""
    taken: list[Batch] = []
    real = method.losses

    def spy(batch: Batch) -> dict[str, torch.Tensor]:
        taken.append(batch)
        return real(batch)

    method.begin_step(step)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "losses", spy)
        train_step(method, TrainingData(images, torch.zeros(len(images), dtype=torch.bool)), checkpoint)
    return taken


def is_one_of(image: torch.Tensor, images: torch.Tensor) -> bool:
    return bool((image == images).flatten(1).all(dim=1).any())


def test_only_the_first_step_changes_its_images(tmp_path: Path) -> None:
    method = build("fetril", epochs=1)
    configured = method.settings.training.augmentation
    assert configured.flip and configured.rotate and configured.colour
    for step, labels in enumerate(([0, 1] * 4, [2, 3] * 4)):
        images = pool(labels, seed=step)
        batches = trained_on(method, step, images, tmp_path / f"{step}.safetensors")
        stored = normalise(as_floats(images.images))
        unchanged = [is_one_of(image, stored) for batch in batches for image in batch.images]
        assert unchanged == [step > 0] * 8
        assert method.phases()[0].epochs == 1
    poses = torch.cat([batch.poses for batch in batches])
    assert sorted(poses[:, 0].tolist()) == sorted(images.poses[:, 0].tolist())


def test_a_batch_of_all_new_images_is_moved_exactly_to_the_old_means(tmp_path: Path) -> None:
    method = build("fetril", epochs=1, batch_size=8)
    trained_on(method, 0, pool([0, 1] * 4), tmp_path / "0.safetensors")
    [batch] = trained_on(method, 1, pool([2, 3] * 4, seed=1), tmp_path / "1.safetensors")
    pseudo, labels = method.pseudo_features(method.features(batch.images), batch.labels)
    for label in (0, 1):
        torch.testing.assert_close(pseudo[labels == label].mean(dim=0), method.mean_features[label])
