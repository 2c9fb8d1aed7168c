"""The choice of a backend, and what ``rasterize`` refuses."""

import importlib.util
from collections.abc import Callable

import pytest
import torch

from meshcil.geometry import Camera, CuboidMesh, Mesh, TriangleMesh
from meshcil.rendering import rasterize, rasterizer_for
from meshcil.rendering.cuboid import rasterize_cuboids
from meshcil.rendering.embree import rasterize_triangles

CAMERA = Camera(60.0, (16.0, 12.0), (24, 32))
HAS_PYTORCH3D = importlib.util.find_spec("pytorch3d") is not None
needs_pytorch3d = pytest.mark.skipif(not HAS_PYTORCH3D, reason="PyTorch3D is not installed (optional backend)")


def cuboid() -> CuboidMesh:
    return CuboidMesh.from_bounds(torch.tensor([[-0.4, 0.4], [-0.5, 0.5], [-0.3, 0.3]]), 200)


def tetrahedron() -> TriangleMesh:
    corners = torch.tensor([[0.5, 0.0, -0.4], [-0.4, 0.4, -0.4], [-0.4, -0.4, -0.4], [0.0, 0.0, 0.6]])
    return TriangleMesh(corners, torch.tensor([[0, 1, 2], [0, 1, 3], [1, 2, 3], [2, 0, 3]]))


def poses(count: int) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(3))


def test_auto_takes_the_closed_form_for_cuboids_only() -> None:
    assert rasterizer_for([cuboid(), cuboid()]) is rasterize_cuboids
    if not HAS_PYTORCH3D:
        assert rasterizer_for([cuboid(), tetrahedron()]) is rasterize_triangles


@pytest.mark.skipif(HAS_PYTORCH3D, reason="PyTorch3D is installed")
def test_a_missing_backend_says_how_to_install_it() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*pytorch3d"):
        rasterize(tetrahedron(), poses(1), CAMERA, backend="pytorch3d")


@pytest.mark.parametrize(
    "backend", ["embree", pytest.param("pytorch3d", marks=[pytest.mark.pytorch3d, needs_pytorch3d])]
)
def test_general_meshes_batched_and_differentiable(backend: str) -> None:
    meshes, pose = [tetrahedron(), cuboid(), tetrahedron()], poses(3).requires_grad_()
    distance = torch.tensor([3.0, 4.0, 5.0])
    batch = rasterize(meshes, pose, CAMERA, distance, backend=backend)
    for i, mesh in enumerate(meshes):
        alone = rasterize(mesh, pose[i : i + 1], CAMERA, float(distance[i]), backend=backend)
        assert torch.equal(batch.pix_to_face[i], alone.pix_to_face[0])
        torch.testing.assert_close(batch.bary_coords[i], alone.bary_coords[0])
        covered = batch.covered[i]
        assert covered.any() and not covered.all()
        torch.testing.assert_close(batch.bary_coords[i][covered].sum(-1), torch.ones(int(covered.sum())))
        assert torch.equal(batch.pix_to_verts[i][covered], mesh.faces[batch.pix_to_face[i][covered]])
    reference = rasterize(meshes[1], pose[1:2], CAMERA, 4.0, backend="cuboid")
    assert (reference.pix_to_face[0] == batch.pix_to_face[1]).double().mean() > 0.99
    (of_batch,) = torch.autograd.grad(batch.zbuf[1][batch.covered[1]].mean(), pose, retain_graph=True)
    (of_cuboid,) = torch.autograd.grad(reference.zbuf[0][batch.covered[1]].mean(), pose)
    torch.testing.assert_close(of_batch, of_cuboid, atol=2e-3, rtol=2e-2)


@pytest.mark.pytorch3d
@needs_pytorch3d
@pytest.mark.parametrize("seed", range(5))
def test_pytorch3d_equals_the_closed_form(seed: int) -> None:
    pose = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
    found = rasterize(cuboid(), pose, CAMERA, 3.0, backend="pytorch3d")
    expected = rasterize(cuboid(), pose, CAMERA, 3.0, backend="cuboid")
    same = found.pix_to_face == expected.pix_to_face
    assert same.double().mean() >= 0.999
    torch.testing.assert_close(found.bary_coords[same], expected.bary_coords[same], atol=1e-3, rtol=0)


@pytest.mark.pytorch3d
@needs_pytorch3d
@pytest.mark.parametrize("seed", range(3))
def test_pytorch3d_sees_the_walls_from_inside(seed: int) -> None:
    """Most faces of a room reach behind the camera."""
    room = CuboidMesh.from_bounds(torch.tensor([[-4.0, 5.0], [-6.0, 4.0], [-3.0, 6.0]]), 20)
    pose = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))
    found = rasterize(room, pose, CAMERA, 1.0, backend="pytorch3d")
    expected = rasterize(room, pose, CAMERA, 1.0, backend="cuboid")
    assert expected.covered.all()
    assert (found.pix_to_face == expected.pix_to_face).double().mean() >= 0.999
    same = found.pix_to_face == expected.pix_to_face
    torch.testing.assert_close(found.zbuf[same], expected.zbuf[same], atol=0, rtol=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pose": torch.zeros(3)}, "pose must have shape"),
        ({"pose": torch.zeros(2, 4)}, "pose must have shape"),
        ({"pose": torch.zeros(2, 3, dtype=torch.int64)}, "pose must have a dtype"),
        ({"pose": torch.zeros(2, 3, dtype=torch.float16)}, "pose must have dtype float32 or float64"),
        ({"pose": torch.zeros(2, 3, dtype=torch.bfloat16)}, "pose must have dtype float32 or float64"),
        ({"pose": torch.full((2, 3), torch.nan)}, "pose must be finite"),
        ({"mesh": []}, "mesh must be one mesh or one per pose"),
        ({"mesh": [cuboid()] * 3}, "mesh must be one mesh or one per pose"),
        ({"mesh": tetrahedron(), "backend": "cuboid"}, "mesh must be a CuboidMesh"),
        ({"backend": "opengl"}, "backend must be"),
        ({"distance": 0.0}, "distance must be positive"),
        ({"distance": torch.ones(3)}, "distance must have shape"),
        ({"distance": torch.tensor([1.0, torch.inf])}, "distance must be positive and finite"),
        ({"distance": torch.ones(2, dtype=torch.float64)}, "distance must have dtype"),
    ],
)
def test_impossible_arguments_are_refused(changes: dict, message: str) -> None:
    arguments = {"mesh": cuboid(), "pose": torch.zeros(2, 3), "camera": CAMERA}
    with pytest.raises(ValueError, match=message):
        rasterize(**(arguments | changes))


def test_triangles_on_another_device_are_refused() -> None:
    mesh = tetrahedron()
    object.__setattr__(mesh, "vertices", mesh.vertices.to("meta"))
    with pytest.raises(ValueError, match="mesh must be on device cpu like pose, but it is on meta"):
        rasterize([cuboid(), mesh], poses(2), CAMERA)


def test_a_window_sees_its_part_of_the_map() -> None:
    rows, columns = slice(5, 20), slice(3, 30)
    whole = rasterize(cuboid(), poses(2), CAMERA)
    part = rasterize(cuboid(), poses(2), CAMERA.window(rows, columns))
    assert part.covered.any()
    assert torch.equal(part.pix_to_face, whole.pix_to_face[:, rows, columns])
    torch.testing.assert_close(part.bary_coords, whole.bary_coords[:, rows, columns], atol=1e-4, rtol=0)


@pytest.mark.parametrize("backend", ["cuboid", "embree"])
def test_autocast_changes_nothing(backend: str) -> None:
    expected = rasterize(cuboid(), poses(2), CAMERA, backend=backend)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = rasterize(cuboid(), poses(2), CAMERA, backend=backend)
    assert torch.equal(found.pix_to_face, expected.pix_to_face)
    assert torch.equal(found.bary_coords, expected.bary_coords)


@pytest.mark.parametrize("mesh", [cuboid, tetrahedron])
def test_what_inference_mode_leaves_behind_can_be_differentiated_through(mesh: Callable[[], Mesh]) -> None:
    """Meshes made and tables kept in inference mode; a camera that no other test has, so that none are kept yet."""
    camera = Camera(61.0 + len(mesh().faces), (16.0, 12.0), (24, 32))
    with torch.inference_mode():
        made = mesh()
        expected = rasterize(made, poses(1), camera)
    pose = poses(1).requires_grad_()
    found = rasterize(made, pose, camera)
    assert torch.equal(found.zbuf, expected.zbuf)
    found.zbuf[found.covered].sum().backward()
    assert pose.grad.isfinite().all() and pose.grad.any()
