"""Augmentation changes image and pose together: checked against the projection of the mesh."""

import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from meshcil.config.methods.base import AugmentationSettings
from meshcil.config.run import load_method
from meshcil.geometry.cameras import Camera, project
from meshcil.training.augmentation import augment, enlarged_part, jitter, occlude, rotate

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


def test_an_enlarged_part_is_a_part_of_the_image() -> None:
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing="ij")
    image = torch.stack([rows / 48, columns / 64, torch.zeros(48, 64)])
    generator, areas, ratios, corners = torch.Generator().manual_seed(0), [], [], set()
    for _ in range(200):
        part = enlarged_part(image, 0.08, generator)
        assert part.shape == image.shape and float(part.min()) >= 0 and float(part.max()) < 1
        # A step of one pixel is one of h / 48 rows or w / 64 columns of the image, which differ by 1 / 48 and 1 / 64.
        high, wide = (n * n * float(part[i].diff(dim=i).median()) for i, n in ((0, 48), (1, 64)))
        areas.append(high * wide / (48 * 64))
        ratios.append(wide / high)
        corners.add((round(float(part[0, 0, 0]), 2), round(float(part[1, 0, 0]), 2)))
    assert 0.06 < min(areas) < 0.15 and 0.8 < max(areas) <= 1.02
    assert 0.7 < min(ratios) < 0.85 and 1.2 < max(ratios) < 1.45
    assert len(corners) > 100


def test_an_image_too_narrow_for_a_part_stays_whole() -> None:
    image = torch.rand(3, 2, 64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(enlarged_part(image, 1.0, torch.Generator()), image)
    images, _ = augment(image[None], torch.zeros(1, 3), AugmentationSettings(resized_crop=1.0), torch.Generator())
    assert torch.equal(images, image[None])


@pytest.mark.parametrize("change", [{"crop": 4}, {"resized_crop": 0.08}])
def test_mesh_models_refuse_to_move_the_object(change: dict[str, float]) -> None:
    method = load_method("inemo", Path(__file__).parents[2] / "config")
    settings = method.model_dump()
    settings["training"]["augmentation"] |= change
    with pytest.raises(ValidationError, match=f"{next(iter(change))} must be 0: the image would move"):
        type(method).model_validate(settings)


def test_occluders_hide_part_of_their_share_of_the_images_and_nothing_else_changes() -> None:
    images = torch.full((256, 3, 24, 32), -1.0)  # no colour of an occluder
    changed, hidden = occlude(images, 0.5, torch.Generator().manual_seed(3))
    assert torch.equal((changed != images).any(dim=1), hidden)
    assert torch.equal((changed != images).all(dim=1), hidden)
    touched = hidden.flatten(1).any(dim=1).float().mean()
    assert 0.4 < float(touched) < 0.6
    share = hidden.float().mean(dim=(1, 2))[hidden.flatten(1).any(dim=1)]
    assert float(share.max()) < 1 and 0.1 < float(share.mean()) < 0.4
    assert float(changed[hidden[:, None].expand_as(changed)].min()) >= 0


def test_the_same_generator_gives_the_same_occluders() -> None:
    images = torch.rand(8, 3, 16, 16)
    first, second = (occlude(images, 0.5, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
