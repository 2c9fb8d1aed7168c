"""General triangle meshes with PyTorch3D's z-buffer, which also runs on a GPU. Optional: it has no wheel on PyPI."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh
from meshcil.geometry.poses import pose_matrix
from meshcil.rendering.base import RayHits
from meshcil.rendering.triangles import cell_rays, hits_on_triangles

# torch's headers need C++20; PyTorch3D's setup asks for C++17.
INSTALL = (
    "git clone https://github.com/facebookresearch/pytorch3d && sed -i s/c++17/c++20/ pytorch3d/setup.py"
    " && pip install --no-build-isolation ./pytorch3d"
)

# Faces that reach behind the camera are cut at this depth, in CAD units; uncut, they would be lost as a whole.
_NEAREST = 1e-3


def rasterize_triangles(
    meshes: Sequence[Mesh], pose: Float[Tensor, "B 3"], camera: Camera, distance: Float[Tensor, " B"]
) -> RayHits:
    """Z-buffer with one face per cell, no blur, no culling; a `Rasterizer`.

    Raises ModuleNotFoundError, with the install line, when PyTorch3D is not installed.
    """
    try:
        from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes  # pyright: ignore[reportMissingImports]
        from pytorch3d.structures import Meshes  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f'backend "pytorch3d" needs PyTorch3D, which is not installed. Install it with: {INSTALL}'
        ) from missing
    own = list(meshes) * (len(pose) if len(meshes) == 1 else 1)
    points = [_to_ndc(*element, camera) for element in zip(own, pose.detach(), distance.detach(), strict=True)]
    batch = Meshes([p.float() for p in points], [mesh.faces for mesh in own])
    packed, *_ = rasterize_meshes(
        batch,
        camera.image_size,
        blur_radius=0.0,
        faces_per_pixel=1,
        perspective_correct=True,
        cull_backfaces=False,
        z_clip_value=_NEAREST,
    )
    face = packed[..., 0].flatten(1)
    # PyTorch3D numbers the faces of the whole batch.
    face = torch.where(face >= 0, face - batch.mesh_to_faces_packed_first_idx()[:, None], -1)
    return hits_on_triangles(meshes, face, *cell_rays(pose, camera, distance))


def _to_ndc(mesh: Mesh, pose: Tensor, distance: Tensor, camera: Camera) -> Tensor:
    """Vertices in normalised device coordinates (+x left, +y up, 1 = half the shorter side), and depth."""
    x, y, z = (mesh.vertices.to(pose) @ pose_matrix(pose).T).unbind(-1)
    depth = distance - z
    (cx, cy), (height, width) = camera.center, camera.image_size
    # Points in the camera's plane have no projection; their faces are cut.
    scale = camera.focal / torch.where(depth.abs() < 1e-8, 1e-8, depth)
    u, v = cx + scale * x, cy - scale * y
    half = min(height, width) / 2
    return torch.stack(((width / 2 - u) / half, (height / 2 - v) / half, depth), -1)
