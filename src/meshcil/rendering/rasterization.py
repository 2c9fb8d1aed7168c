"""``rasterize``: one function in front of all backends, which load by name."""

import importlib.util
from collections.abc import Sequence
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.core.arguments import checked, reject, require_finite, require_precision
from meshcil.geometry.cameras import Camera
from meshcil.geometry.cuboids import CuboidMesh
from meshcil.geometry.meshes import Mesh, TriangleMesh
from meshcil.rendering.base import Fragments, Rasterizer, RayHits
from meshcil.rendering.cuboid import rasterize_cuboids


@checked
def rasterize(
    mesh: Mesh | Sequence[Mesh],
    pose: Float[Tensor, "B 3"],
    camera: Camera,
    distance: Real | Float[Tensor, " B"] = 5.0,
    backend: str = "auto",
) -> Fragments:
    """Find the surface point each cell sees: one surface per cell, both sides of it, no blur.

    The fragments are those of PyTorch3D's mesh rasteriser with one face per pixel and perspective-correct barycentrics,
    whichever the backend; barycentrics and depth are differentiable in pose and distance. Mesh and ``distance`` (in CAD
    units) are one for all poses, or one per pose. Backends are "cuboid" (closed form, cuboids only), "pytorch3d"
    (optional dependency), "embree" (on the CPU), or "auto": the first of these that fits the meshes and is installed.

    Raises ValueError for an argument of the wrong shape, dtype (float32 and float64 are right), device or count, not
    finite, or an unknown backend, and ModuleNotFoundError when "pytorch3d" is asked for and not installed.
    """
    meshes = [mesh] if isinstance(mesh, Mesh) else list(mesh)
    if len(meshes) not in (1, len(pose)):
        reject("mesh", f"be one mesh or one per pose ({len(pose)}), but there are {len(meshes)}")
    for own in meshes:
        # A cuboid goes to the pose's device as eight numbers per axis; triangles are taken where they are.
        if isinstance(own, TriangleMesh) and own.vertices.device != pose.device:
            reject("mesh", f"be on device {pose.device} like pose, but it is on {own.vertices.device}")
    require_precision(pose=pose)
    require_finite(pose=pose)
    if not isinstance(distance, Tensor):
        distance = pose.new_full((len(pose),), float(distance))
    if not bool((distance > 0).all() & distance.isfinite().all()):
        reject("distance", "be positive and finite")
    # Autocast would round the rays.
    with torch.autocast(pose.device.type, enabled=False):
        return _fragments(rasterizer_for(meshes, backend)(meshes, pose, camera, distance), camera)


def _fragments(hits: RayHits, camera: Camera) -> Fragments:
    """Lay the hits out as maps, with -1 where nothing is hit."""
    shape = (4, len(hits.hit), *camera.image_size)
    hit = hits.hit.to(hits.depth)
    miss = hit - 1
    whole = torch.stack([plane.to(hit) for plane in (*hits.verts, hits.face)])
    real = torch.stack((*hits.bary, hits.depth))
    whole, real = (torch.addcmul(miss, planes, hit).view(shape) for planes in (whole, real))
    whole = whole.long()
    # Stacked in front, then moved: far faster than interleaving.
    verts, bary = (planes[:3].movedim(0, -1).contiguous() for planes in (whole, real))
    return Fragments(whole[3], verts, bary, real[3])


def rasterizer_for(meshes: Sequence[Mesh], backend: str = "auto") -> Rasterizer:
    """The backend to use for meshes that will be rasterised together; see ``rasterize``.

    Raises ValueError for an unknown backend, or one that cannot do these meshes.
    """
    cuboids = all(isinstance(mesh, CuboidMesh) for mesh in meshes)
    if backend == "auto" and cuboids:
        backend = "cuboid"
    elif backend == "auto":
        backend = "pytorch3d" if importlib.util.find_spec("pytorch3d") else "embree"
    if backend == "cuboid":
        if not cuboids:
            reject("mesh", 'be a CuboidMesh for backend "cuboid"')
        return rasterize_cuboids  # pyright: ignore[reportReturnType]  (of cuboids alone, as these are)
    if backend == "pytorch3d":
        from meshcil.rendering.pytorch3d import rasterize_triangles
    elif backend == "embree":
        from meshcil.rendering.embree import rasterize_triangles
    else:
        reject("backend", f'be "auto", "cuboid", "pytorch3d" or "embree", but it is {backend!r}')
    return rasterize_triangles
