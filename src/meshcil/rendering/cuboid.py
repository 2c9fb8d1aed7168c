"""Closed-form ray cast of cuboid meshes: no rasteriser, cost linear in the cells, differentiable in the pose.

A cell's ray meets a box where it enters it, by the slab test (and where it leaves it, when the camera is inside or
the side is open). Coordinates are scaled so that the grid pitch is 1 on every axis: the integer part of a hit point
is its quad, the fractional part its barycentrics.
"""

import functools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.geometry.cameras import Camera, camera_axes_rays
from meshcil.geometry.cuboids import CuboidMesh
from meshcil.geometry.poses import pose_matrix
from meshcil.rendering.base import Rasterizer, RayHits


class CuboidRasterizer(Rasterizer):
    """Ray cast against boxes."""

    def __call__(self, meshes: Sequence[CuboidMesh], pose: Tensor, camera: Camera, distance: Tensor) -> RayHits:
        """See the base class."""
        return cast_rays(box_grids(meshes, pose), pose, distance, camera_axes_rays(camera, pose))


def box_grids(meshes: Sequence[CuboidMesh], like: Tensor) -> Float[Tensor, "B 6 3"]:
    """What the ray cast needs of each mesh, per axis.

    Args:
        meshes: one for all, or one per pose.
        like: gives dtype and device.

    Returns:
        Rows: low bound; samples per unit length; index of the last sample (the box is [0, last] in grid units);
        first vertex and first triangle of the axis's low side; 1 where the axis's sides have triangles, else 0.
    """
    known = {id(mesh): mesh for mesh in meshes}
    rows = {key: _box_grid(mesh, like.dtype, like.device) for key, mesh in known.items()}
    return torch.stack([rows[id(mesh)] for mesh in meshes])


@functools.lru_cache(maxsize=1024)
def _box_grid(mesh: CuboidMesh, dtype: torch.dtype, device: torch.device) -> Tensor:
    low, high = mesh.bounds.double().cpu().unbind(-1)
    nx, ny, nz = mesh.counts
    last = torch.tensor(mesh.counts, dtype=torch.float64).sub(1).clamp(min=1)
    vertices = torch.tensor((ny * nz, nx * nz, nx * ny), dtype=torch.float64)
    quads = torch.tensor(((ny - 1) * (nz - 1), (nx - 1) * (nz - 1), (nx - 1) * (ny - 1)), dtype=torch.float64)
    # Sides are numbered z, y, x: what comes before an axis is twice the sum over the later axes.
    first_vertex = 2 * (vertices.flip(0).cumsum(0).flip(0) - vertices)
    first_face = 4 * (quads.flip(0).cumsum(0).flip(0) - quads)
    grid = torch.stack((low, last / (high - low), last, first_vertex, first_face, (quads > 0).double()))
    return grid.to(device=device, dtype=dtype)


def cast_rays(
    grids: Float[Tensor, "G 6 3"],
    pose: Float[Tensor, "B 3"],
    distance: Float[Tensor, " B"],
    rays: Float[Tensor, "3 P"],
) -> RayHits:
    """Meet each cell's ray with the element's box.

    Args:
        grids: of ``box_grids``; G is 1 or B.
        pose: (azimuth, elevation, theta) in radians.
        distance: of the camera from the origin.
        rays: directions of unit depth in camera axes (``camera_axes_rays``), or some of them.

    Returns:
        The first hit of each ray.
    """
    low, scale, last, first_vertex, first_face, closed = grids.unbind(1)
    rotation = pose_matrix(pose)
    # The camera stands on the camera's z axis, the last row of the rotation.
    origin = (rotation[:, 2] * distance[:, None] - low) * scale
    direction = (rotation * scale[:, None]).mT @ rays
    with torch.no_grad():
        hit, axis_is, high = _first_side(origin, direction, last, closed > 0)
    return _on_side(hit, axis_is, high, origin, direction, last, first_vertex, first_face)


def _first_side(
    origin: Tensor, direction: Tensor, last: Tensor, closed: Tensor
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    """Whether a ray hits, the axis its side is normal to (is it x? is it z?), and whether it is the high side."""
    # A ray parallel to a side never reaches it; a tiny slope sends the crossing far away, with the right sign.
    slope = torch.where(direction.abs() < 1e-20, 1e-20, direction).reciprocal_()
    to_low = -origin[..., None] * slope
    to_high = (last - origin)[..., None] * slope
    enters, leaves = torch.minimum(to_low, to_high), torch.maximum(to_low, to_high)
    enter, leave = enters.amax(1), leaves.amin(1)
    enter_x, enter_z = enters[:, 0] == enter, enters[:, 2] == enter
    leave_x, leave_z = leaves[:, 0] == leave, leaves[:, 2] == leave
    at_entry = (enter > 0) & _pick(enter_x, enter_z, closed)
    is_x = torch.where(at_entry, enter_x, leave_x)
    # On an edge of the box both may hold; one side must win everywhere below.
    is_z = torch.where(at_entry, enter_z, leave_z) & ~is_x
    hit = (enter <= leave) & (leave > 0) & _pick(is_x, is_z, closed)
    ascending = _pick_cells(is_x, is_z, direction > 0)
    return hit, (is_x, is_z), ascending ^ at_entry


def _on_side(
    hit: Tensor,
    axis_is: tuple[Tensor, Tensor],
    high: Tensor,
    origin: Tensor,
    direction: Tensor,
    last: Tensor,
    first_vertex: Tensor,
    first_face: Tensor,
) -> RayHits:
    """Triangle, vertices, weights and depth of the hit point on a known side."""
    is_x, is_z = axis_is
    plane = torch.where(high, _pick(is_x, is_z, last), 0.0) - _pick(is_x, is_z, origin)
    depth = plane / torch.where(hit, _pick_cells(is_x, is_z, direction), 1.0)
    # Rows run along z, except on the z sides, where they run along y; columns along x, except on the x sides.
    row = torch.where(is_z, origin[:, 1:2], origin[:, 2:]) + depth * torch.where(is_z, direction[:, 1], direction[:, 2])
    column = torch.where(is_x, origin[:, 1:2], origin[:, :1]) + depth * torch.where(
        is_x, direction[:, 1], direction[:, 0]
    )
    with torch.no_grad():
        rows = torch.where(is_z, last[:, 1:2], last[:, 2:])
        columns = torch.where(is_x, last[:, 1:2], last[:, :1])
        m, n = (_whole(row, rows), _whole(column, columns))
    down, right = row - m, column - n
    with torch.no_grad():
        across = down + right > 1
        quads = rows * columns
        # Both sides of an axis have equally many vertices and triangles, the high side's after the low side's.
        vertex = _pick(is_x, is_z, first_vertex) + high * (quads + rows + columns + 1) + m * (columns + 1) + n
        face = _pick(is_x, is_z, first_face) + 2 * (high * quads + m * columns + n) + across
        verts = (vertex + across * (columns + 2), vertex + 1, vertex + columns + 1)
    far = down + right - 1
    bary = (far.abs(), torch.where(across, 1 - down, right), torch.where(across, 1 - right, down))
    return RayHits(hit, face, verts, bary, depth)


def _whole(position: Tensor, last: Tensor) -> Tensor:
    """The quad a grid coordinate falls into."""
    return torch.minimum(position.floor().clamp_(min=0), last - 1)


def _pick(is_x: Tensor, is_z: Tensor, per_axis: Tensor) -> Tensor:
    """The chosen axis's value of each cell, from ``[G, 3]``."""
    return _pick_cells(is_x, is_z, per_axis[..., None])


def _pick_cells(is_x: Tensor, is_z: Tensor, per_axis: Tensor) -> Tensor:
    """The chosen axis's value of each cell, from ``[G, 3, P]``."""
    x, y, z = per_axis.unbind(1)
    return torch.where(is_x, x, torch.where(is_z, z, y))
