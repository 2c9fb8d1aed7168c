import numpy as np
import pytest
import torch

from meshcil.datasets.primitives import backgrounds, scene, textures
from meshcil.datasets.primitives.scene import ELEVATION, THETA
from meshcil.datasets.primitives.weather import WEATHERS, weather


def picture():
    return np.random.default_rng(5).random((60, 70, 3))


@pytest.mark.parametrize("kind", range(len(WEATHERS)))
def test_weather_is_a_function_of_its_generator_alone(kind):
    state = torch.random.get_rng_state()
    first = weather(picture(), kind, np.random.default_rng(1))
    torch.rand(3)
    torch.random.set_rng_state(state)
    second = weather(picture(), kind, np.random.default_rng(1))
    other = weather(picture(), kind, np.random.default_rng(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert first.shape == (60, 70, 3)
    assert 0 <= first.min() <= first.max() <= 1
    assert np.abs(first - picture()).mean() > 0.02


def test_odd_poses_leave_the_training_range():
    rng = np.random.default_rng(0)
    for _ in range(300):
        elevation, theta = scene.odd_pose(rng, ELEVATION, THETA)
        inside = ELEVATION[0] <= elevation <= ELEVATION[1] and THETA[0] <= theta <= THETA[1]
        assert not inside
        assert -35 < elevation < 70
        assert abs(theta) <= 40


def test_surface_textures_paint_a_pattern_over_the_colour():
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (500, 3))
    albedo = np.full((500, 3), 0.5)
    for seed in range(12):
        paint = scene.surface_texture(np.random.default_rng(seed))
        painted = paint(points, albedo)
        assert painted.std(axis=0).max() > 0.02
        assert 0 <= painted.min() <= painted.max() <= 1
        assert np.array_equal(painted, paint(points, albedo))


@pytest.mark.parametrize("draw", [backgrounds.cluttered, backgrounds.odd_context])
def test_backgrounds_are_images_that_differ_by_seed(draw):
    images = [draw(np.random.default_rng(seed), 50, 64) for seed in range(12)]
    for image in images:
        assert image.shape == (50, 64, 3)
        assert 0 <= image.min() <= image.max() <= 1
    assert len({image.tobytes() for image in images}) == len(images)


def test_fill_textures_depend_on_the_whole_key():
    keys = [f"{split}/car/{n}" for split in ("train", "test") for n in range(30)]
    images = [textures.fill_texture(key, 20, 24).tobytes() for key in keys]
    assert len(set(images)) == len(keys)
    assert images[0] == textures.fill_texture(keys[0], 20, 24).tobytes()
