"""The overlay: edges where the package's own projection puts the corners, hidden lines, tints."""

import math
from itertools import product

import hypothesis.strategies as st
import numpy
import pytest
import torch
from hypothesis import given
from PIL import Image, ImageColor

from meshcil.geometry import Camera, CuboidMesh, project
from meshcil.rendering import rasterize
from meshcil.reporting.overlay import HIDDEN, OUTLINE, SEEN, View, cuboid_edges, draw_overlay

BOUNDS = numpy.array([[-0.4, 0.5], [-0.6, 0.3], [-0.2, 0.7]])
SIZE = (60, 80)
angle = st.floats(-math.pi, math.pi)


def view(azimuth: float, elevation: float, theta: float = 0.0, distance: float = 5.0) -> View:
    return View(azimuth, elevation, theta, distance, 150.0, SIZE)


@given(angle, st.floats(-1.57, 1.57), angle, st.floats(1.5, 8))
def test_ends_are_the_projected_corners(azimuth: float, elevation: float, theta: float, distance: float) -> None:
    edges = cuboid_edges(BOUNDS, view(azimuth, elevation, theta, distance))
    corners = torch.tensor(list(product(*BOUNDS.tolist())), dtype=torch.float64)
    camera = Camera(150.0, (SIZE[1] / 2, SIZE[0] / 2), SIZE)
    expected = project(corners, torch.tensor([azimuth, elevation, theta], dtype=torch.float64), camera, distance)
    assert len(edges) == 12
    ends = numpy.array([end for edge in edges for end in (edge.start, edge.end)])
    gaps = numpy.abs(ends[:, None] - expected.numpy()).max(-1)
    assert gaps.min(1).max() < 1e-9
    # Each corner is the end of three edges.
    assert (numpy.bincount(gaps.argmin(1), minlength=8) == 3).all()


@pytest.mark.parametrize(("azimuth", "elevation", "hidden"), [(0.5, 0.4, 3), (0.0, 0.0, 8), (0.5, 0.0, 5)])
def test_hidden_edges_are_those_behind_the_box(azimuth: float, elevation: float, hidden: int) -> None:
    """As many as sides that face away leave, and each of them with the box in front of its middle."""
    centred = numpy.array([[-0.4, 0.4], [-0.5, 0.5], [-0.3, 0.3]])
    edges = cuboid_edges(centred, view(azimuth, elevation))
    assert [edge.hidden for edge in edges] == [True] * hidden + [False] * (12 - hidden)
    camera = Camera(150.0, (SIZE[1] / 2, SIZE[0] / 2), SIZE)
    mesh = CuboidMesh(torch.from_numpy(centred), (2, 2, 2))
    pose = torch.tensor([[azimuth, elevation, 0.0]], dtype=torch.float64)
    covered = rasterize(mesh, pose, camera).covered[0]
    inside = [covered[int((e.start[1] + e.end[1]) / 2), int((e.start[0] + e.end[0]) / 2)] for e in edges]
    assert all(inside[:hidden])


def test_from_inside_all_edges_are_hidden_and_cut_at_the_camera() -> None:
    room = numpy.array([[-9.0, 9.0]] * 3)
    edges = cuboid_edges(room, view(0.3, 0.2))
    assert 0 < len(edges) < 12
    assert all(edge.hidden for edge in edges)
    assert numpy.isfinite([end for edge in edges for end in (*edge.start, *edge.end)]).all()
    behind = numpy.array([[-0.1, 0.1], [-9.0, -8.0], [-0.1, 0.1]])
    assert cuboid_edges(behind, view(0.0, 0.0)) == []


def test_cells_are_tinted_and_edges_drawn() -> None:
    image = Image.new("RGB", (80, 60), "black")
    covered = numpy.zeros((15, 20), dtype=bool)
    covered[5:10, 5:15] = True
    occluded = covered.copy()
    occluded[:, :10] = False
    drawn = draw_overlay(image, covered=covered, occluded=occluded, zoom=2)
    assert drawn.size == (160, 120)
    for (row, column), colour in (((7, 7), SEEN), ((7, 12), HIDDEN)):
        pixel = numpy.array(drawn.getpixel((column * 8 + 4, row * 8 + 4)))
        wanted = numpy.array(ImageColor.getrgb(colour)) * 130 / 255
        assert numpy.abs(pixel - wanted).max() <= 2
    assert drawn.getpixel((4, 4)) == (0, 0, 0)
    assert image.getpixel((40, 30)) == (0, 0, 0)
    edges = cuboid_edges(BOUNDS, view(0.5, 0.4))
    outlined = numpy.asarray(draw_overlay(image, edges, zoom=2))
    distance = numpy.abs(outlined.astype(int) - numpy.array(ImageColor.getrgb(OUTLINE))).max(-1)
    rows, columns = (distance < 12).nonzero()
    assert len(rows) > 100
    visible = [edge for edge in edges if not edge.hidden]
    ends = 2 * numpy.array([end for edge in visible for end in (edge.start, edge.end)])
    assert (columns.min(), rows.min()) == pytest.approx(ends.min(0), abs=2)
    assert (columns.max(), rows.max()) == pytest.approx(ends.max(0), abs=2)
