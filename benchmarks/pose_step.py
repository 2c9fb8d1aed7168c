"""One pose step (forward and backward through the fragments): closed-form ray cast against a z-buffer.

Refinement takes the hits as they are; `rasterize` lays them out as maps in PyTorch3D's order.
"""

import math

import torch

from benchmarks import zbuffer
from benchmarks.measuring import devices, extra_bytes, in_turn
from benchmarks.scene import CAMERA, published_scene
from meshcil.rendering import rasterize
from meshcil.rendering.cuboid import rasterize_cuboids


def measure() -> dict[str, dict[str, object]]:
    """Time and memory of one image at the published sizes, per device; both sides give the same faces."""
    return {device: _measure(device) for device in devices()}


def _measure(device: str) -> dict[str, object]:
    scene = published_scene(1, device)
    pose = scene.pose.clone().requires_grad_()
    distance = torch.full((1,), 5.0, device=device)
    probe = torch.rand(math.prod(CAMERA.image_size), 3, device=device, generator=torch.Generator(device).manual_seed(1))

    def ours() -> torch.Tensor:
        fragments = rasterize(scene.mesh, pose, CAMERA, distance)
        (fragments.bary_coords.view(-1, 3) * probe).sum().backward()
        return fragments.pix_to_face.flatten()

    def reference() -> torch.Tensor:
        face, bary = zbuffer.fragments(scene.mesh, pose[0], CAMERA, distance[0])
        (bary * probe)[face >= 0].sum().backward()
        return face

    def rendered() -> None:
        hits = rasterize_cuboids([scene.mesh], pose, CAMERA, distance)
        sum((weight * row).sum() for weight, row in zip(hits.bary, rows, strict=True)).backward()

    rows = probe.T.contiguous()
    batch = published_scene(8, device).pose.requires_grad_()

    def ours_batched() -> None:
        fragments = rasterize(scene.mesh, batch, CAMERA, 5.0)
        (fragments.bary_coords.view(8, -1, 3) * probe).sum().backward()

    agreement = (ours() == reference()).double().mean().item()
    taken = in_turn({"reference": reference, "ours": ours, "rendered": rendered, "batched": ours_batched}, 30, device)
    slow, fast, step, fastest = taken["reference"], taken["ours"], taken["rendered"], taken["batched"] / 8
    slow_bytes, fast_bytes = extra_bytes(reference, device), extra_bytes(ours, device)
    return {
        "reference": zbuffer.NAME,
        "cells with the same face": agreement,
        "reference seconds": slow,
        "ray cast seconds": fast,
        "speedup": slow / fast,
        "ray cast seconds, without laying out maps": step,
        "speedup, without laying out maps": slow / step,
        "ray cast seconds per image, batch of 8": fastest,
        "speedup, batch of 8": slow / fastest,
        "reference extra bytes": slow_bytes,
        "ray cast extra bytes": fast_bytes,
    }


if __name__ == "__main__":
    print(measure())
