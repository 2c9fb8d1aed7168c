import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from meshcil.datasets.primitives.raycast import Lighting, Viewpoint, project, render
from meshcil.datasets.primitives.shapes import Shape, build
from meshcil.datasets.primitives.solids import box
from meshcil.datasets.primitives.subtypes import DEFAULTS
from meshcil.geometry.cameras import Camera
from meshcil.geometry.cameras import project as project_world

LIGHT = Lighting(np.array([0.0, 0.0, 1.0]), ambient=0.5, gloss=0.0)
ANGLE = st.floats(-3.0, 3.0)


def viewpoint(azimuth=0.0, elevation=0.0, theta=0.0, distance=5.0, principal=(48.0, 48.0)):
    return Viewpoint(azimuth, elevation, theta, distance, 375.0, principal)


def block(size, roles=("body",)):
    part = box((0, 0, 0), size, "body")
    return Shape(part.vertices, part.faces, roles, np.zeros(len(part.faces), np.int64))


@given(ANGLE, st.floats(-1.4, 1.4), ANGLE, st.floats(4.0, 7.0))
def test_projection_equals_the_package_camera(azimuth, elevation, theta, distance):
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (20, 3))
    ours = project(points, viewpoint(azimuth, elevation, theta, distance))
    pose = torch.tensor([azimuth, elevation, theta], dtype=torch.float64)
    camera = Camera(375.0, (48.0, 48.0), (96, 96))
    theirs = project_world(torch.from_numpy(points), pose, camera, distance).numpy()
    assert ours == pytest.approx(theirs, abs=1e-8)


@pytest.mark.parametrize("pose", [(0.0, 0.0, 0.0), (0.7, 0.3, 0.2), (2.5, -0.2, -0.2), (4.0, 0.6, 0.1)])
@pytest.mark.parametrize("class_name", ["car", "chair"])
def test_rendered_silhouette_fills_the_projected_bounds(pose, class_name):
    shape = build(class_name, DEFAULTS[class_name])
    view = viewpoint(*pose)
    layer = render(shape, np.ones((len(shape.roles), 3)), view, LIGHT, (96, 96))
    rows, columns = np.nonzero(layer.coverage > 0)
    places = project(shape.vertices, view)
    bounds = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert bounds == pytest.approx([*places.min(axis=0), *places.max(axis=0)], abs=1.01)


def test_coverage_of_a_square_is_its_area():
    layer = render(block((0.4, 1e-4, 0.4)), np.ones((1, 3)), viewpoint(), LIGHT, (96, 96), samples=4)
    assert layer.coverage.sum() == pytest.approx((0.4 * 75) ** 2, rel=0.02)
    assert layer.mask().sum() == pytest.approx(900, rel=0.05)


def test_surfaces_towards_the_lamp_are_brighter_and_shadows_fall_away_from_it():
    view = viewpoint(elevation=0.6)
    layer = render(block((0.4, 0.4, 0.4)), np.full((1, 3), 0.5), view, LIGHT, (96, 96), ground=0.5)
    top = project(np.array([[0.0, 0.0, 0.2]]), view)[0].astype(int)
    front = project(np.array([[0.0, -0.2, 0.0]]), view)[0].astype(int)
    assert layer.rgb[top[1], top[0]].mean() > 1.5 * layer.rgb[front[1], front[0]].mean()
    # The lamp is overhead: the ground's shadow is the footprint, which the block hides entirely.
    assert layer.shadow[~(layer.coverage > 0)].min() == 1.0
    slanted = Lighting(np.array([0.8, 0.0, 0.6]), 0.5, 0.0)
    shadow = render(block((0.4, 0.4, 0.4)), np.ones((1, 3)), view, slanted, (96, 96), ground=0.5).shadow
    assert np.nonzero(shadow < 1)[1].mean() < 40
    assert shadow.min() == 0.5


def test_object_outside_of_the_image_leaves_it_empty():
    layer = render(block((0.2, 0.2, 0.2)), np.ones((1, 3)), viewpoint(principal=(400.0, 48.0)), LIGHT, (64, 64))
    assert layer.coverage.sum() == 0
    assert layer.rgb.sum() == 0


def test_texture_replaces_the_albedo():
    def red(points, albedo):
        assert np.abs(points).max() < 0.21
        return np.tile([1.0, 0.0, 0.0], (len(points), 1))

    layer = render(block((0.4, 0.4, 0.4)), np.ones((1, 3)), viewpoint(), LIGHT, (96, 96), texture=red)
    assert layer.rgb[..., 1:].max() == 0
    assert layer.rgb[..., 0].max() > 0.3
