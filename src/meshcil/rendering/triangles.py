"""From known triangles to barycentrics and depth, differentiable: the common half of the general-mesh backends."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshcil.geometry.cameras import Camera, camera_axes_rays
from meshcil.geometry.meshes import Mesh
from meshcil.geometry.poses import pose_matrix
from meshcil.rendering.base import RayHits


def cell_rays(
    pose: Float[Tensor, "B 3"], camera: Camera, distance: Float[Tensor, " B"]
) -> tuple[Float[Tensor, "B 3"], Float[Tensor, "B P 3"]]:
    """Camera position and direction (of unit depth) of each cell's ray, in CAD axes."""
    rotation = pose_matrix(pose)
    return rotation[:, 2] * distance[:, None], (rotation.mT @ camera_axes_rays(camera, pose)).mT


def hits_on_triangles(
    meshes: Sequence[Mesh], face: Int[Tensor, "B P"], origin: Float[Tensor, "B 3"], direction: Float[Tensor, "B P 3"]
) -> RayHits:
    """Meet rays, of unit depth in CAD axes, with the planes of known triangles (Moeller and Trumbore, 1997).

    There is one mesh for all, or one per element; ``face`` is the triangle of each ray, -1 = none, and carries no
    gradient.
    """
    hit = face >= 0
    known = face.clamp(min=0)
    meshes = list(meshes) * (len(face) if len(meshes) == 1 else 1)
    verts = torch.stack([mesh.faces.to(row.device)[row] for mesh, row in zip(meshes, known, strict=True)])
    corners = torch.stack([mesh.vertices.to(direction)[row] for mesh, row in zip(meshes, verts, strict=True)])
    start, along, across = corners[:, :, 0], corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    to_origin = origin[:, None] - start
    normal = torch.linalg.cross(direction, across)
    determinant = (normal * along).sum(-1)
    # A ray in the plane of its triangle has no weights; such a cell is none of the triangle's.
    hit = hit & (determinant != 0)
    inverse = torch.where(hit, determinant, 1.0).reciprocal()
    other = torch.linalg.cross(to_origin, along)
    second = (normal * to_origin).sum(-1) * inverse
    third = (other * direction).sum(-1) * inverse
    depth = (other * across).sum(-1) * inverse
    return RayHits(hit, known, verts.unbind(-1), (1 - second - third, second, third), depth)
