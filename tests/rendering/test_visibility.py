"""Visible vertices and their cells, for batches of different meshes."""

import pytest
import torch

from meshcil.geometry import Camera, CuboidMesh, project
from meshcil.rendering import observe_vertices, rasterize, visible_vertices

CAMERA = Camera(112.0, (12.0, 12.0), (24, 24))


def meshes() -> list[CuboidMesh]:
    bounds = torch.tensor([[[-0.3, 0.3], [-0.5, 0.5], [-0.2, 0.2]], [[-0.2, 0.4], [-0.3, 0.3], [-0.6, 0.1]]])
    return [CuboidMesh.from_bounds(bounds[0], 100), CuboidMesh.from_bounds(bounds[1], 220)]


def poses(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))


def test_a_vertex_is_visible_iff_one_of_its_faces_owns_a_cell() -> None:
    mesh = meshes()[1]
    fragments = rasterize(mesh, poses(3), CAMERA)
    visible = visible_vertices(fragments, len(mesh.vertices))
    for face_map, row in zip(fragments.pix_to_face, visible, strict=True):
        owned = set(face_map.flatten().tolist()) - {-1}
        expected = {v for face in owned for v in mesh.faces[face].tolist()}
        assert {i for i, seen in enumerate(row.tolist()) if seen} == expected
        assert 0 < len(expected) < len(mesh.vertices)


def test_a_batch_of_different_meshes_equals_one_by_one() -> None:
    pair, pose = meshes(), poses(2)
    distance = torch.tensor([4.0, 6.0])
    batch = observe_vertices(pair, pose, CAMERA, distance)
    together = rasterize(pair, pose, CAMERA, distance)
    for i, mesh in enumerate(pair):
        alone = observe_vertices(mesh, pose[i : i + 1], CAMERA, float(distance[i]))
        count = len(mesh.vertices)
        assert torch.equal(batch.visible[i, :count], alone.visible[0])
        assert not batch.visible[i, count:].any()
        assert torch.equal(batch.row[i, :count], alone.row[0])
        assert torch.equal(batch.column[i, :count], alone.column[0])
        assert torch.equal(batch.covered[i], alone.covered[0])
        single = rasterize(mesh, pose[i : i + 1], CAMERA, float(distance[i]))
        assert torch.equal(together.pix_to_face[i], single.pix_to_face[0])
        assert torch.equal(together.pix_to_verts[i], single.pix_to_verts[0])


def test_cells_are_the_floors_of_the_projection() -> None:
    mesh, pose = meshes()[0], poses(4, seed=1)
    views = observe_vertices(mesh, pose, CAMERA)
    uv = project(mesh.vertices, pose, CAMERA)
    torch.testing.assert_close(views.uv, uv)
    assert torch.equal(views.column[views.visible], uv[views.visible][:, 0].floor().long())
    assert torch.equal(views.row[views.visible], uv[views.visible][:, 1].floor().long())


def test_vertices_outside_the_map_are_invisible_though_their_faces_touch_it() -> None:
    large = CuboidMesh(torch.tensor([[-1.0, 1.0]] * 3), (2, 2, 2))
    pose = torch.zeros(1, 3)
    flagged = visible_vertices(rasterize(large, pose, CAMERA), len(large.vertices))
    views = observe_vertices(large, pose, CAMERA)
    assert flagged.any()
    assert not views.visible.any()
    assert (views.row[~views.visible] == 0).all()


def test_vertices_behind_the_camera_are_invisible() -> None:
    mesh = CuboidMesh(torch.tensor([[-0.2, 0.2], [-2.0, 2.0], [-0.2, 0.2]]), (3, 41, 3))
    views = observe_vertices(mesh, torch.zeros(1, 3), CAMERA, distance=1.0)
    behind = mesh.vertices[:, 1] <= -1.0
    assert behind.any() and views.visible.any()
    assert not views.visible[0, behind].any()
    assert views.uv[0, behind].isnan().all()


def test_mismatched_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="mesh must be one mesh or one per pose"):
        observe_vertices(meshes(), poses(3), CAMERA)
    with pytest.raises(ValueError, match="distance must"):
        observe_vertices(meshes(), poses(2), CAMERA, torch.ones(3))


def test_half_precision_is_refused_and_autocast_changes_nothing() -> None:
    with pytest.raises(ValueError, match="pose must have dtype float32 or float64"):
        observe_vertices(meshes(), poses(2).half(), CAMERA)
    expected = observe_vertices(meshes(), poses(2), CAMERA)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = observe_vertices(meshes(), poses(2), CAMERA)
    for name in ("uv", "row", "column", "visible", "covered"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
