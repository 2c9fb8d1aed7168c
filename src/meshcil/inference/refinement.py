"""Refinement of poses by gradient descent on the render-and-compare objective, in similarity space."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from meshcil.core.arguments import checked, reject
from meshcil.geometry.cameras import Camera, project
from meshcil.geometry.meshes import Mesh
from meshcil.geometry.poses import camera_center, pose_from_center
from meshcil.rendering.rasterization import rasterizer_for

REFINEMENT_BYTES = 400
"""Most that a step of refinement holds per cell, with what its gradient needs."""


@dataclass(frozen=True, eq=False)
class PackedSimilarity:
    """Relative similarities of several images, each to its own mesh, in one buffer.

    Vertex v and cell p of image i is ``values[base[i] + v * vertex_stride[i] + p * cell_stride[i]]``.
    """

    values: Float[Tensor, " N"]
    base: Int[Tensor, " B"]
    vertex_stride: Int[Tensor, " B"]
    cell_stride: Int[Tensor, " B"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """A rendered pose against an image."""

    # rendered similarity less the background's, at cells that see the mesh; 0 elsewhere
    advantage: Float[Tensor, "B P"]
    covered: Bool[Tensor, "B P"]  # cells that see the mesh


@checked
def render_loss(rendered: Float[Tensor, "... P"], background: Float[Tensor, "... P"]) -> Float[Tensor, "..."]:
    """1 - (mean max(o, b) - mean b) (iNeMo; NeMo).

    ``rendered``: similarity o of each cell to the rendered feature, 0 where nothing is rendered; ``background``: b to
    the best background feature. 0 for a perfect match, 1 where the mesh explains nothing better than the background.
    """
    return 1 - (torch.maximum(rendered, background) - background).mean(-1)


def compare(
    similarity: PackedSimilarity,
    meshes: Sequence[Mesh],
    pose: Float[Tensor, "B 3"],
    distance: Float[Tensor, " B"],
    camera: Camera,
    window: tuple[slice, slice] | None = None,
) -> Comparison:
    """Render each image's mesh and compare, at the P cells of the window (by default all of the map).

    In the pose's dtype, differentiable in pose and distance, with the cells' triangles held fixed.
    """
    rows, columns = window or (slice(None), slice(None))
    hits = rasterizer_for(meshes)(meshes, pose, camera.window(rows, columns), distance)
    height, width = camera.image_size
    cells = torch.arange(height * width, device=pose.device).view(height, width)[rows, columns].flatten()
    origin = similarity.base[:, None] + cells * similarity.cell_stride[:, None]
    # Cells that miss the mesh may carry a wild index: read vertex 0 there.
    hit = hits.hit.to(hits.depth)
    advantage = torch.zeros_like(hit)
    for vertex, weight in zip(hits.verts, hits.bary, strict=True):
        index = origin + (vertex * hit).long() * similarity.vertex_stride[:, None]
        advantage = torch.addcmul(advantage, weight, similarity.values.take(index).to(weight))
    return Comparison(advantage * hit, hits.hit)


def refine(
    similarity: PackedSimilarity,
    meshes: Sequence[Mesh],
    pose: Float[Tensor, "B 3"],
    distance: float,
    camera: Camera,
    *,
    steps: int,
) -> tuple[Float[Tensor, "B 3"], Float[Tensor, " B"]]:
    """Move the cameras so that the rendered meshes explain the images better (iNeMo).

    Adam on the camera's position and the in-plane rotation, learning rate 0.05, betas (0.4, 0.6). The loss of an image
    is ``render_loss`` over the bounding box of its rendered object, which carries no gradient. An image whose object
    leaves the map stops there.

    Poses and rays are in double precision. The loss has kinks where a cell's ray crosses from one triangle to the next;
    in single precision, rounding decides there, and Adam, whose steps do not shrink, carries a pose degrees away from
    its neighbour. The result is poses (azimuth in [0, 2 pi)) and distances after the last step, float64. Raises
    ValueError for a negative number of steps.
    """
    if steps < 0:
        reject("steps", f"be at least 0, but it is {steps}")
    pose = pose.double()
    state = torch.cat((camera_center(pose, distance), pose[:, 2:]), 1).requires_grad_()
    optimizer = torch.optim.Adam([state], lr=0.05, betas=(0.4, 0.6))
    corners = _corners(meshes).to(state)
    for _ in range(steps):
        before = state.detach().clone()
        with torch.enable_grad():
            pose, far = pose_from_center(state[:, :3], state[:, 3])
            window = _window(corners, pose.detach(), far.detach(), camera)
            comparison = compare(similarity, meshes, pose, far, camera, window)
            # Cells of the box that miss the mesh add a constant, which Adam does not see.
            gain = comparison.advantage.relu().sum(1) / _box_area(comparison.covered, window)
            (state.grad,) = torch.autograd.grad(-gain.sum(), state)
        optimizer.step()
        with torch.no_grad():
            state.copy_(torch.where(comparison.covered.any(1, keepdim=True), state, before))
    with torch.no_grad():
        return pose_from_center(state[:, :3], state[:, 3])


def _corners(meshes: Sequence[Mesh]) -> Float[Tensor, "B 8 3"]:
    """Corners of the box around each mesh."""
    ends = {id(mesh): torch.stack((mesh.vertices.amin(0), mesh.vertices.amax(0))) for mesh in meshes}
    device = meshes[0].vertices.device
    choice = torch.tensor(list(product((0, 1), repeat=3)), device=device), torch.arange(3, device=device)
    return torch.stack([ends[id(mesh)][choice] for mesh in meshes])


def _window(corners: Tensor, pose: Tensor, distance: Tensor, camera: Camera) -> tuple[slice, slice]:
    """Rows and columns outside of which no mesh is seen; all of them if one is partly behind its camera."""
    uv = project(corners, pose, camera, distance).flatten(0, 1)
    if bool(uv.isnan().any()):
        return slice(0, camera.image_size[0]), slice(0, camera.image_size[1])
    slices = []
    for low, high, size in zip(uv.amin(0).tolist(), uv.amax(0).tolist(), reversed(camera.image_size), strict=True):
        first = min(max(math.floor(low), 0), size - 1)
        slices.append(slice(first, max(min(math.ceil(high), size), first + 1)))
    columns, rows = slices
    return rows, columns


def _box_area(covered: Bool[Tensor, "B P"], window: tuple[slice, slice]) -> Float[Tensor, " B"]:
    """Cells in the bounding box of the covered cells; 1 where there are none."""
    rows, _ = window
    grid = covered.unflatten(1, (rows.stop - rows.start, -1))
    area = torch.ones(len(grid), device=grid.device)
    for occupied in (grid.any(1), grid.any(2)):
        first = occupied.to(torch.uint8).argmax(1)
        last = occupied.shape[1] - occupied.flip(1).to(torch.uint8).argmax(1)
        area = area * (last - first)
    return area
