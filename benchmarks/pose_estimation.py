"""Start search and 30 refinement steps: in similarity space for a batch of 8, against rendered feature maps.

The reference renders 128-channel maps, image by image, as published; its faces come from a z-buffer, or (to see
what similarity space alone brings) from the same ray cast. Both sides have rendered the start poses beforehand.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks import zbuffer
from benchmarks.measuring import devices, extra_bytes, seconds
from benchmarks.scene import CAMERA, Scene, published_scene
from meshcil.geometry import camera_center, pose_error, pose_from_center
from meshcil.inference import estimate_pose, start_poses
from meshcil.rendering import rasterize

IMAGES = 8
Renderer = Callable[[Scene, Tensor, Tensor], tuple[Tensor, Tensor]]


def by_zbuffer(scene: Scene, pose: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """Rendered features [P, D] and covered cells [P], the published way."""
    face, bary = zbuffer.fragments(scene.mesh, pose, CAMERA, distance)
    blend = (scene.features[scene.mesh.faces[face.clamp(min=0)]] * bary[..., None]).sum(1)
    return torch.where((face >= 0)[:, None], blend, 0.0), face >= 0


def by_ray_cast(scene: Scene, pose: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
    """The same by the closed-form ray cast."""
    fragments = rasterize(scene.mesh, pose[None], CAMERA, distance[None])
    verts, covered = fragments.pix_to_verts.view(-1, 3).clamp(min=0), fragments.covered.flatten()
    blend = (scene.features[verts] * fragments.bary_coords.view(-1, 3, 1)).sum(1)
    return torch.where(covered[:, None], blend, 0.0), covered


def estimate_by_rendering(scene: Scene, image: int, maps: Tensor, render: Renderer, steps: int) -> Tensor:
    """Pose of one image from rendered feature maps."""
    cells = scene.feature_map[image].flatten(1).T
    background = (cells @ scene.background.T).amax(1)
    with torch.no_grad():
        rendered = torch.stack([(start * cells).sum(1) for start in maps])
        first = int((torch.maximum(rendered, background).mean(1) - background.mean()).argmax())
    pose = start_poses(cells.dtype, cells.device)[first]
    center = camera_center(pose).requires_grad_()
    theta = pose[2].clone().requires_grad_()
    optimizer = torch.optim.Adam([center, theta], lr=0.05, betas=(0.4, 0.6))
    for _ in range(steps):
        rendered, covered = render(scene, *pose_from_center(center, theta))
        box = _box(covered)
        o, b = (rendered * cells).sum(1)[box], background[box]
        optimizer.zero_grad()
        (1 - torch.maximum(o, b).mean() + b.mean()).backward()
        optimizer.step()
    return pose_from_center(center, theta)[0].detach()


def _box(covered: Tensor) -> Tensor:
    rows, columns = covered.view(CAMERA.image_size).nonzero(as_tuple=True)
    box = torch.zeros(CAMERA.image_size, dtype=torch.bool, device=covered.device)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return box.flatten()


def measure() -> dict[str, dict[str, object]]:
    """Seconds per image and extra bytes, per device."""
    return {device: _measure(device) for device in devices()}


def _measure(device: str) -> dict[str, object]:
    scene = published_scene(IMAGES, device)
    distance = torch.tensor(5.0, device=device)
    maps = torch.stack([by_ray_cast(scene, pose, distance)[0] for pose in start_poses(device=device)])

    def ours(steps: int = 30) -> Tensor:
        arguments = (scene.feature_map, scene.mesh, scene.features, scene.background, CAMERA)
        return estimate_pose(*arguments, steps=steps)[0]

    row: dict[str, object] = {
        "similarity space, start search: seconds per image": seconds(lambda: ours(0), 5, device) / IMAGES,
        "similarity space: seconds per image": seconds(ours, 5, device) / IMAGES,
        "similarity space: extra bytes, 8 images": extra_bytes(ours, device),
    }
    for name, render in ((f"feature space, {zbuffer.NAME}", by_zbuffer), ("feature space, ray cast", by_ray_cast)):
        # The first image warms up, the second is measured.
        found = [estimate_by_rendering(scene, 0, maps, render, 30)]

        def reference(render: Renderer = render, found: list[Tensor] = found) -> None:
            found.append(estimate_by_rendering(scene, 1, maps, render, 30))

        taken = seconds(reference, 1, device)
        row[f"{name}: seconds per image"] = taken
        row[f"{name}: extra bytes, 1 image"] = extra_bytes(reference, device)
        row[f"speedup over {name}"] = taken / row["similarity space: seconds per image"]
        row[f"{name}: largest difference in degrees"] = (
            pose_error(torch.stack(found[:2]), ours()[:2]).max().rad2deg().item()
        )
    row["feature space: bytes of the start maps"] = maps.numel() * maps.element_size()
    return row


if __name__ == "__main__":
    print(measure())
