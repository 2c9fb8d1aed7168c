"""Augmentation changes image and pose together: checked against the projection of the mesh."""

import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from meshcil.config.methods.base import AugmentationSettings
from meshcil.config.run import load_method
from meshcil.geometry.cameras import Camera, project
from meshcil.training.augmentation import augment, jitter, rotate

CAMERA = Camera(200.0, (32.0, 24.0), (48, 64))
# Off the object's mirror plane, so that a wrong sign shows.
POINT = torch.tensor([[0.3, -0.1, 0.2]])
MIRRORED = torch.tensor([[-0.3, -0.1, 0.2]])
POSE = torch.tensor([[0.7, 0.3, 0.15]])


def _image_with_dot(pose: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    u, v = project(point, pose, CAMERA)[0, 0]
    rows, columns = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    dot = torch.exp(-((rows - v) ** 2 + (columns - u) ** 2) / 4)
    return dot.expand(1, 3, -1, -1).clone()


def _brightest(image: torch.Tensor) -> tuple[float, float]:
    weight = image[0, 0] / image[0, 0].sum()
    rows, columns = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(64) + 0.5, indexing="ij")
    return float((weight * columns).sum()), float((weight * rows).sum())


@pytest.mark.parametrize("degrees", [-40.0, 15.0, 60.0])
def test_rotation_of_the_image_is_a_change_of_theta(degrees: float) -> None:
    angle = torch.tensor([math.radians(degrees)])
    turned = rotate(_image_with_dot(POSE, POINT), angle)
    expected = project(POINT, POSE + torch.tensor([[0.0, 0.0, angle.item()]]), CAMERA)[0, 0]
    assert _brightest(turned) == pytest.approx(tuple(expected.tolist()), abs=0.3)


def test_mirror_image_shows_the_mirrored_object_at_mirrored_pose() -> None:
    image = _image_with_dot(POSE, POINT).expand(8, -1, -1, -1)
    settings = AugmentationSettings(flip=True)
    images, poses = augment(image, POSE.expand(8, -1), settings, torch.Generator().manual_seed(0))
    changed = poses[:, 0] < 0
    assert 0 < changed.sum() < 8
    for i in range(8):
        point = MIRRORED if changed[i] else POINT
        expected = project(point, poses[i : i + 1], CAMERA)[0, 0]
        assert _brightest(images[i : i + 1]) == pytest.approx(tuple(expected.tolist()), abs=0.3)


def test_rotation_is_within_the_limit_and_added_to_theta() -> None:
    settings = AugmentationSettings(rotate=10.0)
    poses = torch.zeros(64, 3)
    _, changed = augment(torch.rand(64, 3, 8, 8), poses, settings, torch.Generator().manual_seed(1))
    assert torch.equal(changed[:, :2], poses[:, :2])
    assert math.radians(8) < float(changed[:, 2].abs().max()) <= math.radians(10)


def test_colour_jitter_stays_in_range_and_changes_images() -> None:
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = jitter(images, 1.0, torch.Generator().manual_seed(0))
    assert float(changed.min()) >= 0 and float(changed.max()) <= 1
    assert not torch.equal(changed, images)


def test_a_crop_moves_images_and_fills_with_black() -> None:
    images = torch.ones(512, 3, 6, 8)
    images[:, :, 2, 4] = 0.5
    moved, poses = augment(images, torch.zeros(512, 3), AugmentationSettings(crop=2), torch.Generator().manual_seed(0))
    places = (moved[:, 0] == 0.5).nonzero()[:, 1:]
    assert len(places) == 512 and moved.shape == images.shape and not poses.any()
    assert {tuple(place) for place in places.tolist()} == {(y, x) for y in range(5) for x in range(2, 7)}
    for image, (y, _) in zip(moved[:, 0], places.tolist(), strict=True):
        assert int((image.amax(dim=1) == 0).sum()) == abs(y - 2)


def test_mesh_models_refuse_crops() -> None:
    method = load_method("inemo", Path(__file__).parents[2] / "config")
    settings = method.model_dump()
    settings["training"]["augmentation"]["crop"] = 4
    with pytest.raises(ValidationError, match="crop must be 0"):
        type(method).model_validate(settings)


def test_brightness_scales_all_values_of_an_image() -> None:
    images = torch.full((64, 3, 4, 4), 0.5)
    changed, _ = augment(
        images, torch.zeros(64, 3), AugmentationSettings(brightness=0.2), torch.Generator().manual_seed(0)
    )
    factors = changed[:, 0, 0, 0] / 0.5
    torch.testing.assert_close(changed, factors[:, None, None, None].expand_as(changed) * 0.5)
    assert 0.8 <= float(factors.min()) < 0.83 and 1.17 < float(factors.max()) <= 1.2


def test_same_generator_gives_same_images() -> None:
    settings = AugmentationSettings(flip=True, rotate=10.0, colour=0.5)
    images, poses = torch.rand(4, 3, 16, 16), torch.rand(4, 3)
    first = augment(images, poses, settings, torch.Generator().manual_seed(5))
    second = augment(images, poses, settings, torch.Generator().manual_seed(5))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
