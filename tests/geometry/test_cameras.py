"""Projection: parity values, the toolbox formula, rays."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from meshcil.geometry import Camera, camera_axes_rays, camera_center, pose_matrix, project

CAMERA = Camera(375, (50, 40), (80, 100))
POINTS = torch.tensor([[0, 0, 0], [0.25, 0, 0], [0, 0, 0.25], [0, -0.25, 0], [0.1, 0.2, 0.3]], dtype=torch.float64)
angle = st.floats(-7, 7)


@pytest.mark.parametrize(
    ("elevation", "azimuth", "theta", "pixels"),
    [
        (0, 0, 0, [(50, 40), (68.75, 40), (50, 21.25), (50, 40), (57.2115, 18.3654)]),
        (0, 90, 0, [(50, 40), (50, 40), (50, 21.25), (31.25, 40), (65.3061, 17.0408)]),
        (30, 0, 0, [(50, 40), (68.75, 40), (50, 23.3457), (50, 49.7993), (57.4654, 13.1391)]),
        (0, 0, 90, [(50, 40), (50, 21.25), (31.25, 40), (50, 40), (28.3654, 32.7885)]),
        (20, 30, 10, [(50, 40), (66.9462, 40.3462), (46.8872, 22.3465), (41.3811, 47.3983), (59.5372, 13.7048)]),
    ],
)
def test_projection_parity(elevation: float, azimuth: float, theta: float, pixels: list) -> None:
    pose = torch.tensor([azimuth, elevation, theta], dtype=torch.float64).deg2rad()
    expected = torch.tensor(pixels, dtype=torch.float64)
    torch.testing.assert_close(project(POINTS, pose, CAMERA), expected, atol=6e-5, rtol=0)


@given(st.floats(-1.5, 1.5), angle, angle, st.floats(2, 8))
def test_projection_is_that_of_the_pascal3d_toolbox(e: float, a: float, t: float, d: float) -> None:
    center = d * torch.tensor([math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e)], dtype=torch.float64)
    about_x = torch.tensor(
        [[1, 0, 0], [0, math.sin(e), math.cos(e)], [0, -math.cos(e), math.sin(e)]], dtype=torch.float64
    )
    about_z = torch.tensor(
        [[math.cos(a), math.sin(a), 0], [-math.sin(a), math.cos(a), 0], [0, 0, 1]], dtype=torch.float64
    )
    q = (POINTS - center) @ (about_x @ about_z).T
    x, y = 375 * q[:, 0] / -q[:, 2], 375 * q[:, 1] / -q[:, 2]
    u = 50 + math.cos(t) * x - math.sin(t) * y
    v = 40 - (math.sin(t) * x + math.cos(t) * y)
    pose = torch.tensor([a, e, t], dtype=torch.float64)
    torch.testing.assert_close(project(POINTS, pose, CAMERA, d), torch.stack((u, v), -1), atol=1e-9, rtol=0)


def test_rays_are_what_projection_undoes() -> None:
    pose = torch.tensor([0.7, -0.4, 1.1], dtype=torch.float64)
    rays = camera_axes_rays(CAMERA, pose).T @ pose_matrix(pose)
    world = camera_center(pose)
    origin = torch.stack((world[0], -world[2], world[1]))
    uv = project(origin + 4.2 * rays, pose, CAMERA).view(80, 100, 2)
    assert uv[0, 0].tolist() == pytest.approx([0.5, 0.5])
    assert uv[79, 99].tolist() == pytest.approx([99.5, 79.5])
    assert uv[3, 7].tolist() == pytest.approx([7.5, 3.5])


def test_points_behind_the_camera_have_no_projection() -> None:
    pose = torch.tensor([0.0, 0.0, 0.0])
    points = torch.tensor([[0.0, -5.0, 0.0], [0.0, -6.0, 0.0], [0.0, -4.9, 0.0]])
    assert project(points, pose, CAMERA).isnan().all(-1).tolist() == [True, True, False]


def test_batches_of_poses_points_and_distances_broadcast() -> None:
    poses = torch.tensor([[0.1, 0.2, 0.3], [1.0, 0.5, -0.2]], dtype=torch.float64)
    distance = torch.tensor([4.0, 6.0], dtype=torch.float64)
    batch = project(POINTS, poses, CAMERA, distance)
    assert batch.shape == (2, 5, 2)
    for pose, far, uv in zip(poses, distance, batch, strict=True):
        torch.testing.assert_close(project(POINTS, pose, CAMERA, float(far)), uv)
    own = torch.stack((POINTS, 2 * POINTS))
    torch.testing.assert_close(project(own, poses, CAMERA, distance)[1], project(own[1], poses[1], CAMERA, 6.0))


@pytest.mark.parametrize(
    ("focal", "center", "size", "named"),
    [
        (0, (1, 1), (4, 4), "focal"),
        (-1.0, (1, 1), (4, 4), "focal"),
        (math.inf, (1, 1), (4, 4), "focal"),
        (10.0, (math.nan, 1), (4, 4), "center"),
        (10.0, (1, 1), (0, 4), "image_size"),
    ],
)
def test_impossible_cameras_are_refused(focal: float, center: tuple, size: tuple, named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} must be"):
        Camera(focal, center, size)


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    ("focal", "center", "size", "named"),
    [
        (None, (1, 1), (4, 4), "focal"),
        (10.0, (None, 1), (4, 4), "center"),
        (10.0, None, (4, 4), "center"),
        (10.0, (1, 1, 1), (4, 4), "center"),
        (10.0, (1, 1), (4.0, 4), "image_size"),
        (10.0, (1, 1), (None, 4), "image_size"),
        (10.0, (1, 1), 4, "image_size"),
    ],
)
def test_wrong_kinds_of_intrinsics_are_refused(focal: object, center: object, size: object, named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} must be"):
        Camera(focal, center, size)


@pytest.mark.usefixtures("as_installed")
def test_lists_become_tuples_so_that_rays_can_be_kept() -> None:
    camera = Camera(375, [50, 40], [80, 100])
    assert camera == CAMERA
    like = torch.zeros(1)
    assert camera_axes_rays(camera, like) is camera_axes_rays(CAMERA, like)
