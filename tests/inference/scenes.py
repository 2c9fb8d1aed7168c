"""Feature maps made by rendering known meshes in known poses, and a plain feature-space reference."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from meshcil.geometry import Camera, CuboidMesh, camera_center, pose_from_center
from meshcil.rendering import Fragments, rasterize


@dataclass(frozen=True, eq=False)
class Scene:
    feature_map: Tensor
    label: Tensor
    pose: Tensor
    meshes: list[CuboidMesh]
    bank: Tensor
    valid: Tensor
    background: Tensor
    camera: Camera


def make_scene(
    images: int = 6, dtype: torch.dtype = torch.float64, seed: int = 0, noise: float = 0.05, size: int = 16
) -> Scene:
    generator = torch.Generator().manual_seed(seed)
    extents = torch.tensor([[0.9, 0.4, 0.5], [0.5, 0.9, 0.3], [0.4, 0.5, 0.9]], dtype=dtype)
    meshes = [
        CuboidMesh.from_bounds(torch.stack((-e / 2, e / 2 + 0.05), -1), 40 + 20 * i) for i, e in enumerate(extents)
    ]
    most = max(len(mesh.vertices) for mesh in meshes) + 3
    valid = torch.arange(most) < torch.tensor([[len(mesh.vertices)] for mesh in meshes])
    bank = normalize(torch.randn(len(meshes), most, 24, generator=generator, dtype=dtype), dim=-1)
    background = normalize(torch.randn(40, 24, generator=generator, dtype=dtype), dim=-1)
    camera = Camera(3.6 * size, (size / 2, size / 2), (size, size))
    label = torch.arange(images) % len(meshes)
    span = torch.tensor([6.28, 1.2, 0.8], dtype=dtype)
    pose = torch.rand(images, 3, generator=generator, dtype=dtype) * span - torch.tensor([0, 0.3, 0.4], dtype=dtype)
    fragments = rasterize([meshes[c] for c in label], pose, camera)
    rows = [render(fragments, i, bank[c]) for i, c in enumerate(label)]
    feature_map = torch.stack(rows)
    empty = ~fragments.covered
    pick = torch.randint(len(background), (int(empty.sum()),), generator=generator)
    feature_map[empty] = background[pick]
    feature_map += noise * torch.randn(feature_map.shape, generator=generator, dtype=dtype)
    feature_map = normalize(feature_map, dim=-1).permute(0, 3, 1, 2).contiguous()
    return Scene(feature_map, label, pose, meshes, bank, valid, background, camera)


def render(fragments: Fragments, element: int, features: Tensor) -> Tensor:
    """Blend vertex features into a map [H, W, D], 0 where nothing is rendered."""
    verts, bary = fragments.pix_to_verts[element], fragments.bary_coords[element]
    blend = (features[verts.clamp(min=0)] * bary[..., None]).sum(-2)
    return torch.where(fragments.covered[element][..., None], blend, 0.0)


def objective(scene: Scene, image: int, c: int, pose: Tensor, distance: float | Tensor, box: bool) -> Tensor:
    """1 - (mean max(o, b) - mean b), over all cells or over the rendered object's box, from rendered features."""
    if not isinstance(distance, Tensor):
        distance = pose.new_tensor(distance)
    fragments = rasterize(scene.meshes[c], pose[None], scene.camera, distance[None])
    features = scene.feature_map[image].permute(1, 2, 0)
    o = (render(fragments, 0, scene.bank[c]) * features).sum(-1)
    b = (features @ scene.background.T).amax(-1)
    if box:
        rows, columns = fragments.covered[0].nonzero(as_tuple=True)
        window = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
        o, b = o[window], b[window]
    return 1 - (torch.maximum(o, b).mean() - b.mean())


def refine_in_feature_space(scene: Scene, image: int, c: int, pose: Tensor, steps: int) -> Tensor:
    center = camera_center(pose).clone().requires_grad_()
    theta = pose[2].clone().requires_grad_()
    optimizer = torch.optim.Adam([center, theta], lr=0.05, betas=(0.4, 0.6))
    for _ in range(steps):
        optimizer.zero_grad()
        objective(scene, image, c, *pose_from_center(center, theta), box=True).backward()
        optimizer.step()
    return pose_from_center(center, theta)[0].detach()
