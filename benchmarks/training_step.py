"""A training step of iNeMo (network to banks) against its dense formulation; target: 1.5 times as fast.

Same network, batch, classes and draws; a second step, so that there is a teacher. The dense formulation holds every
logit at once and leaves the gradients to autograd; the second comparison also finds the visible vertices by z-buffer.
On a CPU the published sizes go with a small network, since the losses are what differs; on a GPU also with the
published one. The forms take turns, and times are medians; what the dense form has no room for goes alone and is timed
once.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks import contrastive, zbuffer
from benchmarks.measuring import devices, extra_bytes, in_turn, memory
from meshcil.config.run import load_method
from meshcil.geometry.cameras import Camera, project
from meshcil.geometry.cuboids import CuboidMesh
from meshcil.methods import inemo
from meshcil.methods.base.method import Batch, RunFacts
from meshcil.rendering.visibility import VertexViews
from meshcil.training.trainer import build_optimizer

CONFIG = Path(__file__).parents[1] / "config"


@dataclass(frozen=True)
class Sizes:
    """One comparison; image side lengths are four times those of the map."""

    classes: int
    batch: int
    image: tuple[int, int]
    focal: float
    vertices: int
    dim: int
    background: int
    neighbour_cells: float
    repeats: int
    method: str = "inemo"
    z_buffer: bool = False


SIZES = {
    "embedded data (12 classes)": Sizes(12, 8, (96, 96), 375.0, 200, 64, 1280, 1.5, 11, z_buffer=True),
    "Pascal3D+ (12 classes)": Sizes(12, 16, (320, 400), 1500.0, 1000, 128, 2560, 6.0, 5),
    "ObjectNet3D (100 classes)": Sizes(100, 8, (320, 400), 1000.0, 1000, 128, 2560, 6.0, 5),
}
ON_GPU = {
    f"{name}, ResNet-50": replace(sizes, method="inemo-paper") for name, sizes in SIZES.items() if sizes.dim == 128
}
GPU_REPEATS = 21
DENSE_COPIES = 20
"""Of the contrastive loss's logits that the dense formulation may hold at once, and so must fit."""


def learner(sizes: Sizes, device: str) -> inemo.Learner:
    """The method, with a network of chance, at these sizes and at its second step."""
    settings = load_method(sizes.method, CONFIG)
    losses = settings.losses.model_copy(update={"neighbour_cells": sizes.neighbour_cells})
    changes = {
        "dim": sizes.dim,
        "target_vertices": sizes.vertices,
        "partitions": sizes.classes,
        "background_columns": sizes.background,
        "losses": losses,
        "backbone": settings.backbone.model_copy(update={"weights": None}),
    }
    generator = torch.Generator().manual_seed(0)
    half = 0.2 + 0.3 * torch.rand(sizes.classes, 3, generator=generator)
    half = 0.5 * half / half.amax(1, keepdim=True)
    names = tuple(map(str, range(sizes.classes)))
    parts = (sizes.classes // 2, sizes.classes - sizes.classes // 2)
    facts = RunFacts(names, parts, sizes.image, sizes.focal, 5.0, torch.stack([-half, half], -1), 0)
    method = inemo.Learner(settings.model_copy(update=changes), facts, torch.device(device))
    method.begin_step(1)
    return method


def batch_of(sizes: Sizes, device: str) -> Batch:
    """Noise images of all classes in turn, in random poses."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(sizes.batch, 3, *sizes.image, generator=generator)
    labels = torch.arange(sizes.batch) * 7 % sizes.classes
    poses = (torch.rand(sizes.batch, 3, generator=generator) - 0.5) * torch.tensor([6.28, 1.0, 0.4])
    replayed = torch.arange(sizes.batch) % 3 == 0
    moved = (tensor.to(device) for tensor in (images, labels, poses, replayed))
    return Batch(*moved, generator)


def dense_contrastive(features: Tensor, target: Tensor, bank: Tensor, valid: Tensor, background: Tensor, **named):
    """`vertex_contrastive` with one matrix of logits."""
    data = {"features": features, "target": target, "bank": bank, "valid": valid, "background": background}
    return contrastive.dense(data | {"excluded": named["excluded"]})


def dense_distillation(features: Tensor, teacher: Tensor, bank: Tensor, valid: Tensor, *, kappa: float) -> Tensor:
    """`vertex_distillation` with both matrices of logits."""
    keys, ignored = bank.flatten(0, 1), ~valid.flatten()
    old, new = (
        (kappa * queries @ keys.T).masked_fill(ignored, -math.inf).log_softmax(1) for queries in (teacher, features)
    )
    return (old.exp() * (old - new).masked_fill(ignored, 0.0)).sum(1).mean()


def dense_noise(features: Tensor, bank: Tensor, valid: Tensor) -> Tensor:
    """`noise` with the matrix of all cosines."""
    return (features @ bank[valid].T).mean()


def z_buffered(meshes: Sequence[CuboidMesh], pose: Tensor, camera: Camera, distance: float) -> VertexViews:
    """`observe_vertices` by a z-buffer, image by image."""
    height, width = camera.image_size
    rows = max(len(mesh.vertices) for mesh in meshes)
    uv = pose.new_full((len(pose), rows, 2), math.nan)
    visible = torch.zeros(len(pose), rows, dtype=torch.bool)
    covered = torch.zeros(len(pose), height * width, dtype=torch.bool)
    for i, mesh in enumerate(meshes):
        face, _ = zbuffer.fragments(mesh, pose[i], camera, pose.new_tensor(distance))
        uv[i, : len(mesh.vertices)] = project(mesh.vertices, pose[i], camera, distance)
        covered[i] = face >= 0
        visible[i, mesh.faces[face[face >= 0]].flatten()] = True
    visible &= ((uv >= 0) & (uv < uv.new_tensor((width, height)))).all(-1)
    cell = torch.where(visible[..., None], uv, 0.0).long()
    return VertexViews(uv, cell[..., 1], cell[..., 0], visible, covered.view(-1, height, width))


DENSE = {
    "vertex_contrastive": dense_contrastive,
    "vertex_distillation": dense_distillation,
    "noise": dense_noise,
}


def stepper(sizes: Sizes, device: str, swapped: dict[str, Callable[..., object]]) -> Callable[[], float]:
    """One optimiser step of a fresh method in which some functions are swapped; returns the loss."""
    method, batch = learner(sizes, device), batch_of(sizes, device)
    optimizer = build_optimizer(method.phases()[0], method)

    def step() -> float:
        with ExitStack() as stack:
            for name, function in swapped.items():
                stack.enter_context(patch.object(inemo, name, function))
            method.network.train()
            batch.generator.manual_seed(2)
            loss = torch.stack(list(method.losses(batch).values())).sum()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            method.after_batch(batch)
        return float(loss.detach())

    return step


def measure() -> dict[str, dict[str, object]]:
    """Every case on every device; the dense forms only where their logits fit."""
    cases = {"cpu": SIZES, "cuda": SIZES | ON_GPU}
    return {
        f"{name}, {device}": compare(sizes, device) for device in devices() for name, sizes in cases[device].items()
    }


def dense_fits(sizes: Sizes, device: str) -> bool:
    """Whether the dense formulation has room: every image may have all its vertices visible."""
    rows, columns = sizes.batch * sizes.vertices, sizes.classes * sizes.vertices + sizes.background
    return DENSE_COPIES * 4 * rows * columns < memory(device)


def compare(sizes: Sizes, device: str) -> dict[str, object]:
    """Time and memory of one step, and how many times as long the dense formulations take."""
    forms: dict[str, dict[str, Callable[..., object]]] = {"ours": {}}
    if dense_fits(sizes, device):
        forms["dense losses"] = DENSE
        if sizes.z_buffer and device == "cpu":
            forms["dense losses and z-buffer"] = DENSE | {"observe_vertices": z_buffered}
    row: dict[str, object] = {"classes": sizes.classes, "images": sizes.batch}
    steps = {name: stepper(sizes, device, swapped) for name, swapped in forms.items()}
    losses: dict[str, list[float]] = {name: [] for name in steps}
    noted = {name: partial(note, step, losses[name]) for name, step in steps.items()}
    repeats = GPU_REPEATS if device == "cuda" else sizes.repeats if len(forms) > 1 else 1
    times = in_turn(noted, repeats, device, statistics.median)
    for name, step in steps.items():
        row[f"{name}: first loss"] = losses[name][0]
        row[f"{name}: seconds"] = times[name]
        row[f"{name}: extra bytes"] = extra_bytes(step, device)
        if name != "ours":
            row[f"speedup over {name}"] = times[name] / times["ours"]
    return row


def note(step: Callable[[], float], losses: list[float]) -> None:
    """Take a step and keep its loss: the first shows that the forms compute the same."""
    losses.append(step())


if __name__ == "__main__":
    print(measure())
