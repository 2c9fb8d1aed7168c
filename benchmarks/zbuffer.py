"""The published way to a rendered map, for comparison only: find each cell's face among all faces, then blend.

With PyTorch3D if it is installed (it brings its own backward pass), else a dense z-buffer in torch.
"""

import importlib.util
import math

import torch
from torch import Tensor

from meshcil.geometry import Camera, CuboidMesh, pose_matrix, project

HAS_PYTORCH3D = importlib.util.find_spec("pytorch3d") is not None
NAME = "PyTorch3D" if HAS_PYTORCH3D else "dense z-buffer"


def fragments(mesh: CuboidMesh, pose: Tensor, camera: Camera, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Face (-1 = none) and barycentrics of each cell for one pose, differentiable in pose and distance."""
    uv = project(mesh.vertices, pose, camera, distance)
    depth = distance - (mesh.vertices @ pose_matrix(pose).mT)[..., 2]
    return _pytorch3d(mesh, uv, depth, camera) if HAS_PYTORCH3D else _dense(mesh, uv, depth, camera)


def _pytorch3d(mesh: CuboidMesh, uv: Tensor, depth: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    from pytorch3d.renderer.mesh.rasterize_meshes import rasterize_meshes
    from pytorch3d.structures import Meshes

    height, width = camera.image_size
    half = min(height, width) / 2
    ndc = torch.stack(((width / 2 - uv[:, 0]) / half, (height / 2 - uv[:, 1]) / half, depth), -1)
    face, _, bary, _ = rasterize_meshes(
        Meshes([ndc], [mesh.faces]), (height, width), blur_radius=0.0, faces_per_pixel=1, perspective_correct=True
    )
    return face.flatten(), bary.flatten(0, 3)


def _dense(mesh: CuboidMesh, uv: Tensor, depth: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    height, width = camera.image_size
    rows, columns = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    centers = torch.stack((columns, rows), -1).flatten(0, 1).to(uv)
    with torch.no_grad():
        face = torch.cat([_nearest(part, uv[mesh.faces], depth[mesh.faces]) for part in centers.split(500)])
    verts = mesh.faces[face.clamp(min=0)]
    return face, _weights(centers, uv[verts], depth[verts])


def _nearest(centers: Tensor, corners: Tensor, depth: Tensor) -> Tensor:
    """The nearest of all faces that hold each centre."""
    weights = _weights(centers[:, None], corners, depth)
    inside = (weights >= 0).all(-1) & (depth > 0).all(-1)
    found = torch.where(inside, (weights * depth).sum(-1), math.inf)
    near, face = found.min(1)
    return torch.where(near.isfinite(), face, -1)


def _weights(centers: Tensor, corners: Tensor, depth: Tensor) -> Tensor:
    """Perspective-correct barycentrics of points in projected triangles."""
    a, b, c = (corners[..., i, :] - centers for i in range(3))
    areas = torch.stack((_cross(b, c), _cross(c, a), _cross(a, b)), -1)
    whole = areas.sum(-1, keepdim=True)
    screen = areas / torch.where(whole == 0, 1.0, whole) / depth
    total = screen.sum(-1, keepdim=True)
    return screen / torch.where(total == 0, 1.0, total)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
