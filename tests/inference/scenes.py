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
    images: int = 6,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
    noise: float = 0.05,
    size: int = 16,
    camera: Camera | None = None,
    distance: float = 5.0,
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
    camera = camera or Camera(3.6 * size, (size / 2, size / 2), (size, size))
    label = torch.arange(images) % len(meshes)
    span = torch.tensor([6.28, 1.2, 0.8], dtype=dtype)
    pose = torch.rand(images, 3, generator=generator, dtype=dtype) * span - torch.tensor([0, 0.3, 0.4], dtype=dtype)
    fragments = rasterize([meshes[c] for c in label], pose, camera, distance)
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


def objective(scene: Scene, image: int, c: int, pose: Tensor, distance: float | Tensor) -> Tensor:
    """1 - (mean max(o, b) - mean b) over all cells of an image, from rendered features."""
    if not isinstance(distance, Tensor):
        distance = pose.new_tensor(distance)
    fragments = rasterize(scene.meshes[c], pose[None], scene.camera, distance[None])
    features = scene.feature_map[image].permute(1, 2, 0)
    o = (render(fragments, 0, scene.bank[c]) * features).sum(-1)
    b = (features @ scene.background.T).amax(-1)
    return 1 - (torch.maximum(o, b).mean() - b.mean())


def refine_in_feature_space(scene: Scene, start: Tensor, steps: int, distance: float = 5.0) -> Tensor:
    """Poses [B, 3] of all images; poses and rays in double precision, features and similarities in their own."""
    center = camera_center(start.double(), distance).clone().requires_grad_()
    theta = start[:, 2].double().clone().requires_grad_()
    optimizer = torch.optim.Adam([center, theta], lr=0.05, betas=(0.4, 0.6))
    meshes, bank = [scene.meshes[c] for c in scene.label], scene.bank[scene.label]
    cells = scene.feature_map.permute(0, 2, 3, 1)
    b = (cells @ scene.background.T).amax(-1)
    image = torch.arange(len(start))[:, None, None, None]
    for _ in range(steps):
        optimizer.zero_grad()
        pose, far = pose_from_center(center, theta)
        fragments = rasterize(meshes, pose, scene.camera, far)
        verts, bary = fragments.pix_to_verts.clamp(min=0), fragments.bary_coords.to(cells)
        rendered = (bank[image, verts] * bary[..., None]).sum(-2)
        o = (torch.where(fragments.covered[..., None], rendered, 0.0) * cells).sum(-1)
        box = between(fragments.covered.any(2))[:, :, None] & between(fragments.covered.any(1))[:, None]
        gain = ((torch.maximum(o, b) - b) * box).sum((1, 2)) / box.sum((1, 2))
        (1 - gain).sum().backward()
        optimizer.step()
    return pose_from_center(center, theta)[0].detach().to(start)


def between(occupied: Tensor) -> Tensor:
    """From the first to the last that is occupied, per row."""
    return (occupied.cumsum(1) > 0) & (occupied.flip(1).cumsum(1) > 0).flip(1)
