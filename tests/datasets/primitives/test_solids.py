import numpy as np
import pytest
import trimesh

from meshcil.datasets.primitives import solids


def volume(part: solids.Part) -> float:
    mesh = trimesh.Trimesh(part.vertices, part.faces)
    mesh.fix_normals()
    return float(mesh.volume)


def test_box_has_its_edges_and_volume():
    part = solids.box((1, 2, 3), (0.5, 1.0, 2.0), "body")
    assert np.ptp(part.vertices, axis=0) == pytest.approx([0.5, 1.0, 2.0])
    assert part.vertices.mean(axis=0) == pytest.approx([1, 2, 3])
    assert volume(part) == pytest.approx(1.0)


@pytest.mark.parametrize("end", [(1, 0, 0), (0, 2, 0), (0, 0, -3), (1, -2, 0.5)])
def test_tube_keeps_its_radius_about_its_axis(end):
    start = np.array([0.2, -0.1, 0.4])
    part = solids.tube(start, start + np.array(end, float), 0.25, "metal", detail=32)
    axis = np.array(end, float) / np.linalg.norm(end)
    offset = part.vertices - start
    along = offset @ axis
    across = np.linalg.norm(offset - along[:, None] * axis, axis=1)
    assert along.min() == pytest.approx(0, abs=1e-9)
    assert along.max() == pytest.approx(np.linalg.norm(end))
    assert across.max() == pytest.approx(0.25)


def test_ring_has_the_torus_radii_about_x():
    part = solids.ring((0.1, 0.2, 0.3), 0.4, 0.05, "dark", detail=40)
    offset = part.vertices - [0.1, 0.2, 0.3]
    reach = np.linalg.norm(offset[:, 1:], axis=1)
    assert np.hypot(reach - 0.4, offset[:, 0]) == pytest.approx(np.full(len(reach), 0.05))


def test_prism_between_equal_rectangles_is_a_box():
    part = solids.prism((0.4, 0.6), (0.4, 0.6), 0.0, 0.5, "body", y=0.7)
    assert volume(part) == pytest.approx(0.4 * 0.6 * 0.5)
    assert part.vertices[:, 1].min() == pytest.approx(0.4)


def test_revolved_cylinder_is_watertight_with_the_right_volume():
    part = solids.revolve([(0.3, 0.0), (0.3, 1.0)], "body", detail=200)
    mesh = trimesh.Trimesh(part.vertices, part.faces)
    assert mesh.is_watertight
    assert volume(part) == pytest.approx(np.pi * 0.09, rel=1e-3)


def test_arc_of_a_revolution_faces_the_front():
    part = solids.revolve([(0.3, 0.0), (0.3, 1.0)], "label", arc=(-0.5, 0.5))
    assert part.vertices[:, 1].max() < -0.2


def test_mirrored_parts_are_symmetric():
    parts = solids.mirrored([solids.box((0.4, 0.1, 0.2), (0.1, 0.2, 0.3), "body")])
    cloud = np.concatenate([part.vertices for part in parts])
    flipped = cloud * [-1, 1, 1]
    assert {tuple(p) for p in cloud.round(9)} == {tuple(p) for p in flipped.round(9)}
