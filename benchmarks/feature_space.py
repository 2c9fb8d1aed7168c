"""The published way to classes and poses, for comparison only: render feature maps, image by image."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks import zbuffer
from meshcil.geometry import Camera, CuboidMesh, camera_center, pose_from_center
from meshcil.inference import start_poses
from meshcil.rendering import rasterize


@dataclass(frozen=True, eq=False)
class Model:
    """What is rendered: a mesh with a feature per vertex, and the map's camera."""

    mesh: CuboidMesh
    features: Tensor
    camera: Camera


Renderer = Callable[[Model, Tensor, Tensor], tuple[Tensor, Tensor]]


def by_zbuffer(model: Model, pose: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Rendered features [P, D] and covered cells [P], the published way."""
    face, bary = zbuffer.fragments(model.mesh, pose, model.camera, distance)
    blend = (model.features[model.mesh.faces[face.clamp(min=0)]] * bary[..., None]).sum(1)
    return torch.where((face >= 0)[:, None], blend, 0.0), face >= 0


def by_ray_cast(model: Model, pose: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """The same by the closed-form ray cast."""
    rendered, covered = _ray_casts(model, pose[None], distance[None])
    return rendered[0], covered[0]


def _ray_casts(model: Model, poses: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
    fragments = rasterize(model.mesh, poses, model.camera, distances)
    verts, covered = fragments.pix_to_verts.flatten(1, 2).clamp(min=0), fragments.covered.flatten(1)
    blend = (model.features[verts] * fragments.bary_coords.flatten(1, 2)[..., None]).sum(2)
    return torch.where(covered[..., None], blend, 0.0), covered


def start_maps(model: Model) -> Tensor:
    """Rendered features at all start poses [S, P, D], which are kept for all images."""
    poses = start_poses(device=model.features.device)
    return torch.cat([_ray_casts(model, some, torch.full_like(some[:, 0], 5.0))[0] for some in poses.split(4)])


@torch.no_grad()
def start_gains(maps: Tensor, cells: Tensor, background: Tensor) -> Tensor:
    """How much better each start pose explains an image than the background does."""
    rendered = torch.stack([(start * cells).sum(1) for start in maps])
    return torch.maximum(rendered, background).mean(1) - background.mean()


def estimate(model: Model, maps: Tensor, cells: Tensor, background: Tensor, render: Renderer, steps: int) -> Tensor:
    """Pose of one image.

    Args:
        model: of the image's class.
        maps: of ``start_maps``.
        cells: features of the image [P, D].
        background: best similarity of each cell to the background [P].
        render: the renderer.
        steps: of refinement.
    """
    pose = start_poses(cells.dtype, cells.device)[int(start_gains(maps, cells, background).argmax())]
    center = camera_center(pose).requires_grad_()
    theta = pose[2].clone().requires_grad_()
    optimizer = torch.optim.Adam([center, theta], lr=0.05, betas=(0.4, 0.6))
    for _ in range(steps):
        rendered, covered = render(model, *pose_from_center(center, theta))
        box = _box(covered, model.camera)
        o, b = (rendered * cells).sum(1)[box], background[box]
        optimizer.zero_grad()
        (1 - torch.maximum(o, b).mean() + b.mean()).backward()
        optimizer.step()
    return pose_from_center(center, theta)[0].detach()


def _box(covered: Tensor, camera: Camera) -> Tensor:
    rows, columns = covered.view(camera.image_size).nonzero(as_tuple=True)
    box = torch.zeros(camera.image_size, dtype=torch.bool, device=covered.device)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return box.flatten()


def class_scores(bank: Tensor, cells: Tensor, background: Tensor, form: str) -> Tensor:
    """Scores [C] of one image from all its similarities at once; forms "per-cell" and "mean"."""
    best = (bank @ cells.T).amax(1)
    if form == "mean":
        return (best - background).clamp(min=0).mean(1)
    first, second = best.topk(2, dim=0).values
    return (best - background - (1 - (first - second))).amax(1)
