"""Camera centres, rotations, pose errors: parity values and properties."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from meshcil.geometry import camera_center, pose_error, pose_from_center, pose_matrix

angle = st.floats(-7, 7)
elevation = st.floats(-math.pi / 2, math.pi / 2)


def pose(elevation_deg: float, azimuth_deg: float, theta_deg: float = 0.0) -> torch.Tensor:
    return torch.tensor([azimuth_deg, elevation_deg, theta_deg], dtype=torch.float64).deg2rad()


@pytest.mark.parametrize(
    ("elevation_deg", "azimuth_deg", "center"),
    [(0, 0, (0, 0, 5)), (0, 90, (5, 0, 0)), (90, 0, (0, 5, 0)), (20, 30, (2.349232, 1.710101, 4.068988))],
)
def test_camera_center_parity(elevation_deg: float, azimuth_deg: float, center: tuple[float, ...]) -> None:
    expected = torch.tensor(center, dtype=torch.float64)
    torch.testing.assert_close(camera_center(pose(elevation_deg, azimuth_deg)), expected, atol=1e-6, rtol=0)


def test_readout_parity() -> None:
    center = torch.tensor([[-3.0, 1.0, 4.0], [0.0, 0.0, -5.0]], dtype=torch.float64)
    read, distance = pose_from_center(center, torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(distance, torch.tensor([5.0990195, 5.0], dtype=torch.float64))
    torch.testing.assert_close(read[0, :2], torch.tensor([5.6396847, 0.1973956], dtype=torch.float64))
    assert read[1, 0] == pytest.approx(math.pi)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_readout_on_the_vertical_axis_is_finite_with_finite_gradients(side: float) -> None:
    center = torch.tensor([0.0, 2.0 * side, 0.0], requires_grad=True)
    read, distance = pose_from_center(center, torch.tensor(0.3))
    torch.testing.assert_close(read, torch.tensor([0.0, side * math.pi / 2, 0.3]))
    (read.sum() + distance).backward()
    assert center.grad.isfinite().all()


@given(elevation, angle, angle, st.floats(0.5, 10))
def test_readout_inverts_camera_center(e: float, a: float, t: float, d: float) -> None:
    given_pose = torch.tensor([a, e, t], dtype=torch.float64)
    read, distance = pose_from_center(camera_center(given_pose, d), given_pose[2])
    assert float(distance) == pytest.approx(d)
    # Near the poles the azimuth itself is ill-conditioned, the camera centre is not.
    torch.testing.assert_close(camera_center(read, d), camera_center(given_pose, d), atol=1e-7, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("side", [1.0, -1.0])
@given(azimuth=angle, theta=angle, distance=st.floats(1.0, 8.0))
def test_the_poles_survive_a_round_trip(
    side: float, dtype: torch.dtype, azimuth: float, theta: float, distance: float
) -> None:
    """At 90 degrees, where the azimuth rests on rounding, the rotation comes back and nothing is infinite."""
    start = torch.tensor([azimuth, side * math.pi / 2, theta], dtype=dtype)
    center = camera_center(start, distance).requires_grad_()
    read, far = pose_from_center(center, start[2])
    tolerance = 1e-3 if dtype == torch.float32 else 1e-7
    torch.testing.assert_close(far, torch.tensor(distance, dtype=dtype), atol=0, rtol=1e-6)
    torch.testing.assert_close(read[1], start[1], atol=tolerance, rtol=0)
    torch.testing.assert_close(camera_center(read, far), center, atol=1e-5, rtol=0)
    assert bool(pose_error(read, start) < tolerance)
    (gradient,) = torch.autograd.grad(read.sum() + far, center)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("a", "b", "degrees"),
    [
        ((0, 0, 0), (0, 30, 0), 30),
        ((0, 0, 0), (20, 0, 0), 20),
        ((0, 0, 0), (0, 0, 15), 15),
        ((60, 40, 0), (60, 60, 0), 20),
        ((10, 350, 0), (10, 10, 0), 20),
        ((30, 0, 0), (30, 20, 20), 19.923701),
        ((30, 0, 0), (30, 20, -20), 34.596660),
        ((0, 0, 0), (0, 180, 0), 180),
    ],
)
def test_pose_error_parity(a: tuple, b: tuple, degrees: float) -> None:
    error = pose_error(pose(*a), pose(*b)).rad2deg()
    assert float(error) == pytest.approx(degrees, abs=1e-5)
    assert float(pose_error(pose(*b), pose(*a)).rad2deg()) == pytest.approx(degrees, abs=1e-5)


def test_pose_error_of_a_failed_pose_is_pi() -> None:
    assert float(pose_error(torch.tensor([math.nan, 0.0, 0.0]), torch.zeros(3))) == pytest.approx(math.pi)


def world_to_view(a: float, e: float, t: float) -> torch.Tensor:
    """The rotation built from its definition: look-at axes as columns, then the in-plane turn (iNeMo)."""
    backward = camera_center(torch.tensor([a, e, t], dtype=torch.float64), 1.0)
    z = -backward
    x = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), z)
    x = x / x.norm()
    y = torch.linalg.cross(z, x)
    cos, sin = math.cos(t), math.sin(t)
    turn = torch.tensor([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], dtype=torch.float64)
    return torch.stack((x, y, z), 1) @ turn


@given(st.floats(-1.5, 1.5), angle, angle)
def test_pose_matrix_is_the_look_at_rotation(e: float, a: float, t: float) -> None:
    swap = torch.tensor([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=torch.float64)
    flip = torch.diag(torch.tensor([-1, 1, -1], dtype=torch.float64))
    expected = flip @ world_to_view(a, e, t).T @ swap
    torch.testing.assert_close(pose_matrix(torch.tensor([a, e, t], dtype=torch.float64)), expected, atol=1e-9, rtol=0)


@given(st.floats(-1.5, 1.5), angle, angle, st.floats(-1.5, 1.5), angle, angle)
def test_pose_error_is_the_angle_between_look_at_rotations(
    e1: float, a1: float, t1: float, e2: float, a2: float, t2: float
) -> None:
    relative = world_to_view(a1, e1, t1).T @ world_to_view(a2, e2, t2)
    # The chord gives the angle without the loss of precision of arccos.
    chord = (relative - torch.eye(3, dtype=torch.float64)).norm() / math.sqrt(8)
    expected = 2 * math.asin(min(1.0, float(chord)))
    first, second = (
        torch.tensor([a1, e1, t1], dtype=torch.float64),
        torch.tensor([a2, e2, t2], dtype=torch.float64),
    )
    assert float(pose_error(first, second)) == pytest.approx(expected, abs=1e-6)


def test_wrong_shape_names_the_argument() -> None:
    with pytest.raises(ValueError, match="pose_b must have shape"):
        pose_error(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="pose_b must have dtype"):
        pose_error(torch.zeros(3), torch.zeros(3, dtype=torch.float64))
