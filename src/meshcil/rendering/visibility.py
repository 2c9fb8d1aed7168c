"""Which vertices an image sees, and in which cells: what the mesh losses need of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from meshcil.core.arguments import checked, require_precision
from meshcil.geometry.cameras import Camera, project
from meshcil.geometry.meshes import Mesh, stack_vertices
from meshcil.rendering.base import Fragments
from meshcil.rendering.rasterization import rasterize


@dataclass(frozen=True, eq=False)
class VertexViews:
    """Where each image of a batch has the vertices of its own mesh, padded to the largest mesh."""

    # projections in cells, u to the right, v down, not limited to the map; NaN behind the camera
    uv: Float[Tensor, "B V 2"]
    row: Int[Tensor, "B V"]  # floor(v) of the vertex's cell, int64; 0 where the vertex is outside the map
    column: Int[Tensor, "B V"]  # floor(u), likewise
    # one of the vertex's triangles owns a cell, and the projection is inside the map. Padding is invisible
    visible: Bool[Tensor, "B V"]
    covered: Bool[Tensor, "B H W"]  # cells that see the mesh (their complement is the background)


def visible_vertices(fragments: Fragments, num_vertices: int) -> Bool[Tensor, "B V"]:
    """Vertices, of at least as many as the largest mesh has, of which at least one triangle owns a cell (iNeMo).

    A visible vertex may project outside the map: see ``observe_vertices``.
    """
    verts = fragments.pix_to_verts.flatten(1)
    # Empty cells (-1) mark an extra first column, which is cut off.
    visible = torch.zeros(len(verts), num_vertices + 1, dtype=torch.bool, device=verts.device)
    return visible.scatter_(1, verts + 1, True)[:, 1:]


@checked
def observe_vertices(
    mesh: Mesh | Sequence[Mesh], pose: Float[Tensor, "B 3"], camera: Camera, distance: Real | Float[Tensor, " B"] = 5.0
) -> VertexViews:
    """Find the visible vertices of a batch and their cells, for one mesh or one per image; see ``rasterize``.

    A vertex that projects outside the map is invisible even if a triangle of it touches the map.
    """
    meshes = [mesh] if isinstance(mesh, Mesh) else list(mesh)
    require_precision(pose=pose)
    with torch.no_grad(), torch.autocast(pose.device.type, enabled=False):
        fragments = rasterize(meshes, pose, camera, distance)
        vertices = stack_vertices(meshes).to(pose)
        uv = project(vertices, pose, camera, distance)
        height, width = camera.image_size
        inside = ((uv >= 0) & (uv < uv.new_tensor((width, height)))).all(-1)
        cell = torch.where(inside[..., None], uv, 0.0).long()
        visible = visible_vertices(fragments, vertices.shape[1]) & inside
    return VertexViews(uv, cell[..., 1], cell[..., 0], visible, fragments.covered)


def hide(views: VertexViews, hidden: Bool[Tensor, "B height width"]) -> VertexViews:
    """The views where pixels of the images are ``hidden``: such vertices are invisible, such cells are background.

    A cell is hidden where more than half of its pixels are.
    """
    height, width = views.covered.shape[1:]
    cells = functional.adaptive_avg_pool2d(hidden[:, None].float(), (height, width))[:, 0] > 0.5
    free = ~cells[torch.arange(len(cells))[:, None], views.row, views.column]
    return replace(views, visible=views.visible & free, covered=views.covered & ~cells)
