"""General triangle meshes by ray casting on the CPU: ``trimesh`` with ``embreex`` finds the triangles."""

from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from trimesh import Trimesh
from trimesh.ray.ray_pyembree import RayMeshIntersector

from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh
from meshcil.rendering.base import RayHits
from meshcil.rendering.triangles import cell_rays, hits_on_triangles


def rasterize_triangles(
    meshes: Sequence[Mesh], pose: Float[Tensor, "B 3"], camera: Camera, distance: Float[Tensor, " B"]
) -> RayHits:
    """Cast rays against any triangles, a `Rasterizer`; single precision decides which triangle is hit."""
    origin, direction = cell_rays(pose, camera, distance)
    own = list(meshes) * (len(pose) if len(meshes) == 1 else 1)
    rows = []
    for mesh, start, rays in zip(own, origin.detach().cpu().double(), direction.detach().cpu().double(), strict=True):
        first = _intersector(mesh).intersects_first(start.expand_as(rays).numpy(), rays.numpy())
        rows.append(torch.from_numpy(first))
    face = torch.stack(rows).to(device=pose.device, dtype=torch.int64)
    return hits_on_triangles(meshes, face, origin, direction)


@lru_cache(maxsize=256)
def _intersector(mesh: Mesh) -> RayMeshIntersector:
    # Cleaning the mesh up would renumber the faces.
    solid = Trimesh(mesh.vertices.detach().cpu().numpy(), mesh.faces.cpu().numpy(), process=False)
    return RayMeshIntersector(solid)
