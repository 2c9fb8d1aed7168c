"""Cuboid fitting and grids: parity values and invariants."""

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from meshcil.geometry import CuboidMesh, TriangleMesh, fit_cuboid, stack_vertices


def box(*extents: float) -> torch.Tensor:
    return torch.tensor([[-e / 2, e / 2] for e in extents])


@pytest.mark.parametrize(
    ("extents", "counts", "num_vertices", "num_faces"),
    [
        ((1, 0.5, 0.3), (23, 12, 7), 1042, 1760),
        ((1, 1, 1), (13, 13, 13), 1014, 1728),
        ((0.4, 0.4, 1.0), (10, 10, 23), 1120, 1908),
    ],
)
def test_grid_parity(extents: tuple, counts: tuple, num_vertices: int, num_faces: int) -> None:
    mesh = CuboidMesh.from_bounds(box(*extents))
    assert mesh.counts == counts
    assert mesh.vertices.shape == (num_vertices, 3)
    assert mesh.faces.shape == (num_faces, 3)


def test_coverage_window_parity() -> None:
    line = torch.arange(1000.0)
    assert fit_cuboid(line[:, None].expand(-1, 3))[0].tolist() == [0.0, 990.0]
    dense = torch.cat((torch.linspace(0, 1, 991), torch.linspace(5, 13, 9)))
    shuffled = dense[torch.randperm(1000, generator=torch.Generator().manual_seed(1))]
    assert fit_cuboid(shuffled[:, None].expand(-1, 3)).tolist() == [[0.0, 1.0]] * 3


def test_the_first_of_windows_that_are_equal_in_decimals() -> None:
    """As in the aeroplanes of Pascal3D+, whose published cuboid has the first; both lengths are 0.69413."""
    line = torch.tensor([-0.34905, -0.34851, 0.34508, 0.34562], dtype=torch.float64)
    assert fit_cuboid(line[:, None].expand(-1, 3), 0.5)[1].tolist() == [-0.34905, 0.34508]
    mirrored = -line.flip(0)
    assert fit_cuboid(mirrored[:, None].expand(-1, 3), 0.5)[1].tolist() == [-0.34562, 0.34851]


@given(st.lists(st.tuples(*[st.floats(-9, 9, width=32)] * 3), min_size=1, max_size=60), st.floats(0.05, 1))
def test_window_is_the_shortest_that_spans_the_share(points: list, coverage: float) -> None:
    vertices = torch.tensor(points, dtype=torch.float64)
    bounds = fit_cuboid(vertices, coverage)
    span = min(int(coverage * len(points)), len(points) - 1)
    for axis in range(3):
        ordered = sorted(p[axis] for p in points)
        lengths = [ordered[i + span] - ordered[i] for i in range(len(points) - span)]
        rounding = 2 * torch.finfo(torch.float64).eps * max(map(abs, ordered))
        start = next(i for i, length in enumerate(lengths) if length <= min(lengths) + rounding)
        assert bounds[axis].tolist() == [ordered[start], ordered[start + span]]


@given(st.tuples(*[st.floats(0.05, 2)] * 3), st.integers(30, 400))
def test_grid_invariants(extents: tuple, target: int) -> None:
    bounds = box(*extents).double() + 0.1
    try:
        mesh = CuboidMesh.from_bounds(bounds, target)
    except ValueError as refusal:
        assert "counts" in str(refusal)
        return
    nx, ny, nz = mesh.counts
    vertices = mesh.vertices
    assert len(vertices) == 2 * (nx * ny + nx * nz + ny * nz)
    assert len(mesh.faces) == 4 * ((nx - 1) * (ny - 1) + (nx - 1) * (nz - 1) + (ny - 1) * (nz - 1))
    assert (vertices >= bounds[:, 0] - 1e-12).all() and (vertices <= bounds[:, 1] + 1e-12).all()
    corners = vertices[mesh.faces]
    # Every triangle is half a grid cell of one side: two of its edges are parallel to axes.
    flat = (corners.amax(1) - corners.amin(1)) < 1e-12
    assert (flat.sum(1) == 1).all()
    assert (vertices[:, :, None] == bounds).any(-1).any(-1).all()


def test_padding_of_stacked_vertices_is_zero() -> None:
    small, large = CuboidMesh.from_bounds(box(1, 1, 1), 60), CuboidMesh.from_bounds(box(1, 1, 1), 200)
    stacked = stack_vertices([small, large])
    assert torch.equal(stacked[0, : len(small.vertices)], small.vertices)
    assert not stacked[0, len(small.vertices) :].any()
    assert torch.equal(stacked[1], large.vertices)


@pytest.mark.parametrize(
    "bounds",
    [
        [[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]],
        [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]],
        [[0.0, float("nan")], [0.0, 1.0], [0.0, 1.0]],
        [[0.0, 0.0]] * 3,
    ],
)
def test_impossible_bounds_are_refused(bounds: list) -> None:
    with pytest.raises(ValueError, match="bounds must"):
        CuboidMesh.from_bounds(torch.tensor(bounds))
    with pytest.raises(ValueError, match="bounds must"):
        CuboidMesh(torch.tensor(bounds), (3, 3, 3))


def test_other_impossible_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="bounds must have shape"):
        CuboidMesh.from_bounds(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="target_vertices must"):
        CuboidMesh.from_bounds(box(1, 1, 1), 0)
    with pytest.raises(ValueError, match="counts must"):
        CuboidMesh(box(1, 1, 1), (1, 1, 5))
    with pytest.raises(ValueError, match="vertices must hold"):
        fit_cuboid(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="vertices must be finite"):
        fit_cuboid(torch.tensor([[0.0, float("inf"), 0.0]]))
    with pytest.raises(ValueError, match="coverage must"):
        fit_cuboid(torch.zeros(4, 3), 0)


def test_impossible_triangle_meshes_are_refused() -> None:
    corners, face = torch.eye(3), torch.tensor([[0, 1, 2]])
    assert TriangleMesh(corners, face).to("cpu").vertices.shape == (3, 3)
    with pytest.raises(ValueError, match="faces must index"):
        TriangleMesh(corners, face + 1)
    with pytest.raises(ValueError, match="faces must hold"):
        TriangleMesh(corners, face[:0])
    with pytest.raises(ValueError, match="zero extent"):
        TriangleMesh(torch.ones(3, 3), face)
    with pytest.raises(ValueError, match="vertices must be finite"):
        TriangleMesh(corners / 0, face)


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    ("bounds", "counts", "message"),
    [
        (torch.zeros(2, 3), (3, 3, 3), "bounds must have shape"),
        (torch.tensor([[0, 1]] * 3), (3, 3, 3), "bounds must be a floating tensor"),
        ([[0.0, 1.0]] * 3, (3, 3, 3), "bounds must be a floating tensor"),
        (box(1, 1, 1), (3, 3), "counts must be 3 whole numbers"),
        (box(1, 1, 1), (3, 3, 2.5), "counts must be 3 whole numbers"),
    ],
)
def test_wrong_kinds_of_bounds_and_counts_are_refused(bounds: object, counts: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CuboidMesh(bounds, counts)


@pytest.mark.usefixtures("as_installed")
@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (torch.eye(3)[:, :2], torch.tensor([[0, 1, 2]]), "vertices must have shape"),
        (torch.eye(3).long(), torch.tensor([[0, 1, 2]]), "vertices must be a floating tensor"),
        (torch.eye(3), torch.tensor([0, 1, 2]), "faces must have shape"),
        (torch.eye(3), torch.tensor([[0, 1, 2]], dtype=torch.int32), "faces must be an int64 tensor"),
        (torch.eye(3), torch.tensor([[0.0, 1.0, 2.0]]), "faces must be an int64 tensor"),
    ],
)
def test_wrong_kinds_of_triangles_are_refused(vertices: object, faces: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TriangleMesh(vertices, faces)


def test_a_mesh_keeps_what_it_was_made_of() -> None:
    bounds, corners, face = box(1, 1, 1), torch.eye(3), torch.tensor([[0, 1, 2]])
    cuboid, triangle = CuboidMesh(bounds, (3, 3, 3)), TriangleMesh(corners, face)
    for passed in (bounds, corners, face):
        passed.zero_()
    assert torch.equal(cuboid.bounds, box(1, 1, 1))
    assert torch.equal(triangle.vertices, torch.eye(3))
    assert triangle.faces.tolist() == [[0, 1, 2]]
