"""The published sizes: 80 x 100 cells, 1 120 vertices and 1 908 faces, 128 channels, 2 560 background features."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from meshcil.geometry import Camera, CuboidMesh
from meshcil.rendering import rasterize

CAMERA = Camera(375.0, (50.0, 40.0), (80, 100))


@dataclass(frozen=True, eq=False)
class Scene:
    """Images of one class, made by rendering its features in random poses over background features, with noise."""

    mesh: CuboidMesh
    features: Tensor
    background: Tensor
    pose: Tensor
    feature_map: Tensor


def published_scene(
    images: int,
    device: str,
    *,
    camera: Camera = CAMERA,
    vertices: int = 1000,
    dim: int = 128,
    background: int = 2560,
) -> Scene:
    """Random unit features; 0.4 x 0.4 x 1.0 units of object."""
    generator = torch.Generator().manual_seed(0)

    def unit(*shape: int) -> Tensor:
        return normalize(torch.randn(*shape, generator=generator), dim=-1)

    mesh = CuboidMesh.from_bounds(torch.tensor([[-0.2, 0.2], [-0.2, 0.2], [-0.5, 0.5]]), vertices)
    features, clutter = unit(len(mesh.vertices), dim), unit(background, dim)
    pose = torch.rand(images, 3, generator=generator) * torch.tensor([6.28, 0.8, 0.4]) - torch.tensor([0, 0.2, 0.2])
    fragments = rasterize(mesh, pose, camera)
    cells = features[fragments.pix_to_verts.clamp(min=0)].mul_(fragments.bary_coords[..., None]).sum(-2)
    empty = ~fragments.covered
    cells[empty] = clutter[torch.randint(background, (int(empty.sum()),), generator=generator)]
    noisy = normalize(cells + 0.05 * torch.randn(cells.shape, generator=generator), dim=-1)
    feature_map = noisy.permute(0, 3, 1, 2).contiguous()
    moved = (tensor.to(device) for tensor in (features, clutter, pose, feature_map))
    return Scene(mesh.to(device), *moved)
