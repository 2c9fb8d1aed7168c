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
from meshcil.rendering.base import RayHits


def rasterize_cuboids(meshes: Sequence[CuboidMesh], pose: Tensor, camera: Camera, distance: Tensor) -> RayHits:
    """Cast the rays of all cells against boxes; a `Rasterizer` for cuboids alone."""
    return cast_rays(box_grids(meshes, pose), pose, distance, camera_axes_rays(camera, pose))


def box_grids(meshes: Sequence[CuboidMesh], like: Tensor) -> Float[Tensor, "B 8 3"]:
    """What the ray cast needs of each mesh (one for all, or one per pose), per axis, in the dtype of ``like``.

    Rows: low bound; samples per unit length; index of the last sample (the box is [0, last] in grid units); first
    vertex and first triangle of the axis's low side; last samples along the rows' and columns' axes of its sides; 1
    where the axis's sides have triangles, else 0.
    """
    known = {id(mesh): mesh for mesh in meshes}
    rows = {key: _box_grid(mesh, like.dtype, like.device) for key, mesh in known.items()}
    return torch.stack([rows[id(mesh)] for mesh in meshes])


@functools.lru_cache(maxsize=1024)
@torch.inference_mode(False)
def _box_grid(mesh: CuboidMesh, dtype: torch.dtype, device: torch.device) -> Tensor:
    low, high = mesh.bounds.double().cpu().unbind(-1)
    nx, ny, nz = mesh.counts
    last = torch.tensor(mesh.counts, dtype=torch.float64).sub(1).clamp(min=1)
    vertices = torch.tensor((ny * nz, nx * nz, nx * ny), dtype=torch.float64)
    quads = torch.tensor(((ny - 1) * (nz - 1), (nx - 1) * (nz - 1), (nx - 1) * (ny - 1)), dtype=torch.float64)
    # Sides are numbered z, y, x: what comes before an axis is twice the sum over the later axes.
    first_vertex = 2 * (vertices.flip(0).cumsum(0).flip(0) - vertices)
    first_face = 4 * (quads.flip(0).cumsum(0).flip(0) - quads)
    along = last[list(_ROW_AXIS)], last[list(_COLUMN_AXIS)]
    grid = torch.stack((low, last / (high - low), last, first_vertex, first_face, *along, (quads > 0).double()))
    return grid.to(device=device, dtype=dtype)


def cast_rays(
    grids: Float[Tensor, "G 8 3"], pose: Float[Tensor, "B 3"], distance: Float[Tensor, " B"], rays: Float[Tensor, "3 P"]
) -> RayHits:
    """Meet each ray (``camera_axes_rays``, or some of them) with the element's box: its first hit.

    Choices between axes and between triangles are sums over 0/1 masks, which are exact and many times as fast on a
    processor as ``torch.where``. Matrix products must have full precision, as is torch's default.
    """
    low, scale, *table, closed = grids.unbind(1)
    rotation = pose_matrix(pose)
    # The camera stands on the camera's z axis, the last row of the rotation.
    origin = (rotation[:, 2] * distance[:, None] - low) * scale
    direction = (rotation * scale[:, None]).mT @ rays
    with torch.no_grad():
        hit, side, at_entry = _first_side(origin, direction, table[0], closed)
    return _on_side(hit, side, at_entry, origin, direction, torch.stack(table, 1))


def _first_side(origin: Tensor, direction: Tensor, last: Tensor, closed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether a ray hits, the axis its side is normal to (0/1, ``[B, 3, P]``), and whether it enters there."""
    # A ray parallel to a side never reaches it; a tiny slope sends the crossing far away, with the right sign.
    slope = (direction + 1e-20).reciprocal_()
    to_low, to_high = -origin[..., None] * slope, (last - origin)[..., None] * slope
    enters, leaves = torch.minimum(to_low, to_high), torch.maximum(to_low, to_high)
    enter, leave = enters.amax(1), leaves.amin(1)
    entry, exit = _one_hot(enters, enter), _one_hot(leaves, leave)
    at_entry = (enter > 0) & ((closed[:, None] @ entry)[:, 0] > 0)
    side = torch.lerp(exit, entry, at_entry[:, None].to(exit))
    hit = (enter <= leave) & (leave > 0) & ((closed[:, None] @ side)[:, 0] > 0)
    return hit, side, at_entry


def _one_hot(values: Tensor, chosen: Tensor) -> Tensor:
    """Which of three values is the chosen one: one of them, also on an edge of the box, where two are equal."""
    x, _, z = values.unbind(1)
    is_x = (x == chosen).to(values)
    is_z = (z == chosen).to(values) * (1 - is_x)
    return torch.stack((is_x, 1 - is_x - is_z, is_z), 1)


def _on_side(hit: Tensor, side: Tensor, at_entry: Tensor, origin: Tensor, direction: Tensor, table: Tensor) -> RayHits:
    """Triangle, vertices, weights and depth of the hit point on a known side."""
    is_x, _, is_z = side.unbind(1)
    hits = hit.to(side)
    x, y, z = direction.unbind(1)
    across = torch.lerp(torch.lerp(y, x, is_x), z, is_z)
    starts = torch.stack((origin, origin[:, _ROW_AXIS], origin[:, _COLUMN_AXIS]), 1) @ side
    last, first_vertex, first_face, rows, columns = (table @ side).unbind(1)
    with torch.no_grad():
        high = ((across > 0) ^ at_entry).to(side)
    start, start_row, start_column = starts.unbind(1)
    # A ray that misses gets some finite depth.
    depth = (high * last - start) / torch.addcmul(1 - hits, across, hits)
    row = torch.addcmul(start_row, depth, torch.lerp(z, y, is_z))
    column = torch.addcmul(start_column, depth, torch.lerp(x, y, is_x))
    with torch.no_grad():
        m = torch.minimum(row.floor().clamp_(min=0), rows - 1)
        n = torch.minimum(column.floor().clamp_(min=0), columns - 1)
    down, right = row - m, column - n
    far = down + right - 1
    with torch.no_grad():
        upper = (far > 0).to(side)
        quads, width = rows * columns, columns + 1
        # Both sides of an axis have equally many vertices and triangles, the high side's after the low side's.
        vertex = first_vertex + high * (quads + rows + width) + m * width + n
        face = first_face + 2 * (high * quads + m * columns + n) + upper
        verts = (vertex + upper * (width + 1), vertex + 1, vertex + width)
    bary = (far.abs(), torch.lerp(right, 1 - down, upper), torch.lerp(down, 1 - right, upper))
    return RayHits(hit, face, verts, bary, depth)


# Of the sides normal to x, y and z: the axis along which their rows follow each other, and that of the columns.
_ROW_AXIS, _COLUMN_AXIS = (2, 2, 1), (1, 0, 0)
