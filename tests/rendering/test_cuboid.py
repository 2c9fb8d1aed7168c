"""The closed-form ray cast: against Embree on the mesh's triangles, at the borders, and its gradients."""

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from meshcil.geometry import Camera, CuboidMesh, TriangleMesh, camera_center, pose_from_center, project
from meshcil.rendering import Fragments, rasterize

CAMERA = Camera(60.0, (14.3, 9.6), (20, 28))
FINE = Camera(180.0, (42.9, 28.8), (60, 84))


def box(*bounds: tuple[float, float], counts: tuple[int, int, int] = (4, 5, 6)) -> CuboidMesh:
    return CuboidMesh(torch.tensor(bounds, dtype=torch.float64), counts)


def pose_of(azimuth: float, elevation: float, theta: float = 0.0) -> torch.Tensor:
    return torch.tensor([[azimuth, elevation, theta]], dtype=torch.float64)


def assert_points_are_on_their_rays(
    mesh: CuboidMesh, fragments: Fragments, pose: torch.Tensor, distance: float, camera: Camera = CAMERA
) -> None:
    """Each hit point, rebuilt from barycentrics, must project to the centre of its own cell at its own depth."""
    covered = fragments.covered[0]
    points = (mesh.vertices[fragments.pix_to_verts[0][covered]] * fragments.bary_coords[0][covered][..., None]).sum(1)
    uv = project(points, pose[0], camera, distance)
    cells = covered.nonzero().flip(1) + 0.5
    torch.testing.assert_close(uv, cells.to(uv), atol=1e-8, rtol=0)
    assert (fragments.zbuf[0][covered] > 0).all()
    assert torch.equal(fragments.pix_to_verts[0][covered], mesh.faces[fragments.pix_to_face[0][covered]])


extent = st.tuples(st.floats(-0.9, -0.1), st.floats(0.1, 0.9))
angle = st.floats(-math.pi, math.pi)


@settings(max_examples=40)
@given(st.tuples(extent, extent, extent), st.integers(20, 300), angle, st.floats(-1.57, 1.57), angle, st.floats(0.3, 7))
def test_equals_ray_casting_the_triangles(
    bounds: tuple, target: int, azimuth: float, elevation: float, theta: float, distance: float
) -> None:
    """From outside and from inside the box, wholly or partly in the map."""
    mesh = CuboidMesh.from_bounds(torch.tensor(bounds, dtype=torch.float64), target)
    pose = pose_of(azimuth, elevation, theta)
    found = rasterize(mesh, pose, FINE, distance)
    expected = rasterize(TriangleMesh(mesh.vertices, mesh.faces), pose, FINE, distance, backend="embree")
    same = found.pix_to_face == expected.pix_to_face
    # Embree decides in single precision: rays through an edge may take the neighbour.
    assert (~same).sum() <= 0.001 * same.numel()
    torch.testing.assert_close(found.bary_coords[same], expected.bary_coords[same], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.zbuf[same], expected.zbuf[same], atol=1e-6, rtol=1e-6)
    assert torch.equal(found.pix_to_verts[same], expected.pix_to_verts[same])
    assert_points_are_on_their_rays(mesh, found, pose, distance, FINE)


@settings(max_examples=60)
@given(st.tuples(extent, extent, extent), angle, st.floats(-1.57, 1.57), angle, st.floats(0.2, 7))
def test_barycentrics_are_weights_and_both_precisions_agree(
    bounds: tuple, azimuth: float, elevation: float, theta: float, distance: float
) -> None:
    mesh = CuboidMesh(torch.tensor(bounds, dtype=torch.float64), (5, 4, 6))
    pose = pose_of(azimuth, elevation, theta)
    exact = rasterize(mesh, pose, CAMERA, distance)
    weights = exact.bary_coords[exact.covered]
    torch.testing.assert_close(weights.sum(-1), torch.ones(len(weights), dtype=torch.float64))
    assert (weights > -1e-9).all()
    single = rasterize(mesh, pose.float(), CAMERA, distance)
    same = single.pix_to_face == exact.pix_to_face
    assert (~same).sum() <= max(3, 0.01 * same.numel())
    torch.testing.assert_close(single.zbuf[same], exact.zbuf[same].float(), atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("elevation", [math.pi / 2, -math.pi / 2])
def test_from_the_pole_only_one_side_is_seen(elevation: float) -> None:
    mesh = box((-0.4, 0.4), (-0.3, 0.3), (-0.2, 0.2))
    fragments = rasterize(mesh, pose_of(0.3, elevation), CAMERA, 3.0)
    sides = fragments.pix_to_face[fragments.covered] // (2 * 3 * 4)
    assert set(sides.tolist()) == {1 if elevation > 0 else 0}
    assert fragments.covered.sum() > 50
    assert_points_are_on_their_rays(mesh, fragments, pose_of(0.3, elevation), 3.0)


def test_rays_parallel_to_sides() -> None:
    """With an axis-aligned view and the principal point at a cell centre, the middle ray is parallel to four sides."""
    camera = Camera(60.0, (14.5, 10.5), (20, 28))
    mesh = box((-0.4, 0.4), (-0.3, 0.3), (-0.2, 0.2))
    fragments = rasterize(mesh, pose_of(0.0, 0.0), camera, 3.0)
    assert fragments.covered[0, 10, 14]
    assert float(fragments.zbuf[0, 10, 14]) == pytest.approx(2.7)
    assert fragments.bary_coords.isfinite().all()
    # The same ray, with the box moved out of its way along each of the two other axes.
    for bounds in [((0.1, 0.4), (-0.3, 0.3), (-0.2, 0.2)), ((-0.4, 0.4), (-0.3, 0.3), (0.1, 0.2))]:
        assert not rasterize(box(*bounds), pose_of(0.0, 0.0), camera, 3.0).covered[0, 10, 14]


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("side", [0, 1])
def test_of_rays_within_a_side_the_low_one_belongs_to_the_box(axis: int, side: int) -> None:
    """The bound is exactly 0, so the middle ray lies in the side's plane; of two boxes that touch it meets one."""
    camera = Camera(60.0, (14.5, 10.5), (20, 28))

    def seen_with(bound: float) -> Fragments:
        bounds = [(-0.5, 0.5), (-0.3, 0.3), (-0.5, 0.5)]
        bounds[axis] = (bound, 0.5) if side == 0 else (-0.5, bound)
        return rasterize(box(*bounds), pose_of(0.0, 0.0), camera, 3.0)

    inwards = 1e-9 if side else -1e-9
    assert bool(seen_with(0.0).covered[0, 10, 14]) == (side == 0)
    assert not seen_with(-inwards).covered[0, 10, 14]
    for fragments in [seen_with(inwards)] + ([seen_with(0.0)] if side == 0 else []):
        assert float(fragments.zbuf[0, 10, 14]) == pytest.approx(2.7)
        weights = fragments.bary_coords[0, 10, 14]
        assert float(weights.sum()) == pytest.approx(1.0) and float(weights.min()) >= -1e-6
    assert seen_with(0.0).bary_coords.isfinite().all()


def test_from_inside_every_ray_hits_the_far_side() -> None:
    mesh = box((-2, 2), (-2, 2), (-2, 2))
    fragments = rasterize(mesh, pose_of(0.4, 0.2), CAMERA, 0.5)
    assert fragments.covered.all()
    assert_points_are_on_their_rays(mesh, fragments, pose_of(0.4, 0.2), 0.5)


def test_a_box_behind_the_camera_is_not_seen() -> None:
    mesh = box((-0.2, 0.2), (-5.0, -4.0), (-0.2, 0.2))
    fragments = rasterize(mesh, pose_of(0.0, 0.0), CAMERA, 2.0)
    assert not fragments.covered.any()
    for value in (fragments.pix_to_face, fragments.pix_to_verts, fragments.bary_coords, fragments.zbuf):
        assert (value == -1).all()


def test_a_box_outside_the_map_is_not_seen_and_one_partly_outside_is_cut() -> None:
    outside = rasterize(box((2.0, 2.5), (-0.3, 0.3), (-0.2, 0.2)), pose_of(0.0, 0.0), CAMERA)
    assert not outside.covered.any()
    partly = rasterize(box((0.5, 2.5), (-0.3, 0.3), (-0.2, 0.2)), pose_of(0.0, 0.0), CAMERA)
    assert partly.covered[0, :, -1].any() and not partly.covered[0, :, 0].any()


@pytest.mark.parametrize("counts", [(1, 5, 6), (5, 1, 6), (5, 6, 1)])
def test_an_axis_with_a_single_sample_leaves_its_rim_open(counts: tuple[int, int, int]) -> None:
    mesh = box((-0.3, 0.3), (-0.3, 0.3), (-0.3, 0.3), counts=counts)
    pose = pose_of(0.6, 0.5, 0.2)
    found = rasterize(mesh, pose, CAMERA, 3.0)
    expected = rasterize(TriangleMesh(mesh.vertices, mesh.faces), pose, CAMERA, 3.0, backend="embree")
    assert found.covered.any()
    assert (found.pix_to_face != expected.pix_to_face).sum() <= 2
    assert_points_are_on_their_rays(mesh, found, pose, 3.0)


@settings(max_examples=15)
@given(angle, st.floats(-1.4, 1.4), angle, st.floats(2.5, 7))
def test_gradients(azimuth: float, elevation: float, theta: float, distance: float) -> None:
    mesh = box((-0.5, 0.4), (-0.3, 0.35), (-0.45, 0.3), counts=(3, 3, 3))
    camera = Camera(24.0, (4.0, 3.0), (6, 8))
    pose = pose_of(azimuth, elevation, theta)
    steady = away_from_edges(mesh, pose, distance, camera)

    def fields(p: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        fragments = rasterize(mesh, p, camera, d)
        return torch.cat((fragments.bary_coords, fragments.zbuf[..., None]), -1)[0][steady]

    assert int(steady.sum()) >= 3
    inputs = (pose.requires_grad_(), torch.tensor([distance], dtype=torch.float64, requires_grad=True))
    assert torch.autograd.gradcheck(fields, inputs)


def away_from_edges(mesh: CuboidMesh, pose: torch.Tensor, distance: float, camera: Camera) -> torch.Tensor:
    """Cells that see the mesh and keep their triangle when the pose moves a little."""
    here = rasterize(mesh, pose, camera, distance).pix_to_face[0]
    steady = here >= 0
    for i in range(4):
        for step in (-1e-4, 1e-4):
            moved, away = pose.clone(), distance
            if i < 3:
                moved[0, i] += step
            else:
                away += step
            steady &= rasterize(mesh, moved, camera, away).pix_to_face[0] == here
    return steady


def test_gradients_reach_the_camera_centre() -> None:
    mesh = box((-0.5, 0.4), (-0.3, 0.35), (-0.45, 0.3), counts=(3, 3, 3))
    camera = Camera(24.0, (4.0, 3.0), (6, 8))
    pose = pose_of(0.7, 0.4, 0.3)
    steady = away_from_edges(mesh, pose, 4.0, camera)
    assert int(steady.sum()) >= 3

    def fields(center: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        moved, distance = pose_from_center(center, theta)
        fragments = rasterize(mesh, moved, camera, distance)
        return torch.cat((fragments.bary_coords, fragments.zbuf[..., None]), -1)[0][steady]

    inputs = (camera_center(pose, 4.0).requires_grad_(), pose[:, 2].clone().requires_grad_())
    assert torch.autograd.gradcheck(fields, inputs)
    (of_center,) = torch.autograd.grad(fields(*inputs)[:, :3].square().sum(), inputs[0])
    assert (of_center != 0).all()


def test_no_gradient_is_lost_to_cells_that_miss() -> None:
    mesh = box((-0.4, 0.4), (-0.3, 0.3), (-0.2, 0.2))
    pose = pose_of(0.0, 0.0).requires_grad_()
    rasterize(mesh, pose, Camera(60.0, (14.5, 10.5), (20, 28)), 3.0).bary_coords.sum().backward()
    assert pose.grad.isfinite().all()
