"""The only optimiser loop: phases of a method, epoch by epoch, with a checkpoint after each."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from meshcil.config.methods.base import TrainingSettings
from meshcil.core.artifacts import load_state, save_state
from meshcil.core.seeding import torch_generator
from meshcil.methods.base.images import ImagePool, normalise
from meshcil.methods.base.method import Batch, Method, Phase
from meshcil.training.augmentation import augment

EpochRow = dict[str, Any]
Progress = Callable[[EpochRow], None]


@dataclass(frozen=True)
class TrainingData:
    """Images of a step.

    Attributes:
        pool: new images first, then exemplars.
        replayed: bool [n], exemplars of earlier steps.
    """

    pool: ImagePool
    replayed: Bool[Tensor, " n"]

    @property
    def new(self) -> ImagePool:
        """The images that are no exemplars."""
        return self.pool.subset((~self.replayed).nonzero()[:, 0])


def train_step(
    method: Method, data: TrainingData, checkpoint: Path, progress: Progress = lambda _row: None
) -> list[EpochRow]:
    """Train ``method`` on one step that it has begun, resuming after the last finished epoch if ``checkpoint`` exists.

    All draws derive from (seed, step, phase, epoch), so that a resumed run computes what an undisturbed one does,
    bit for bit on the CPU.

    Args:
        method: begun at this step; sees the new images before and after the optimiser loop.
        data: images of the step.
        checkpoint: file that is replaced after each epoch; the caller deletes it when the result is stored.
        progress: called with each finished epoch's row.

    Returns:
        One row per epoch: phase, epoch, learning rate, mean of each loss term.

    Raises:
        FloatingPointError: a loss is not finite; the message names the term, phase, epoch and batch.
    """
    rows: list[EpochRow] = []
    resume = load_state(checkpoint) if checkpoint.exists() else None
    if resume is not None:
        rows = list(resume["rows"])
        method.load_state(resume["method"])
    else:
        method.prepare_step(data.new)
    for index, phase in enumerate(method.phases()):
        if resume is not None and resume["phase"] > index:
            continue
        optimizer = build_optimizer(phase)
        first = 0
        if resume is not None and resume["phase"] == index:
            optimizer.load_state_dict(resume["optimizer"])
            _lay_out(optimizer)
            first = resume["epoch"] + 1
        for epoch in range(first, phase.epochs):
            rows.append(_train_epoch(method, data, phase, optimizer, epoch))
            _save_checkpoint(checkpoint, method, optimizer, index, epoch, rows)
            progress(rows[-1])
    method.finish_step(data.new)
    return rows


def _save_checkpoint(
    path: Path, method: Method, optimizer: torch.optim.Optimizer, phase: int, epoch: int, rows: Sequence[EpochRow]
) -> None:
    state = {"method": method.state(), "optimizer": optimizer.state_dict(), "phase": phase, "epoch": epoch}
    save_state(path, state | {"rows": list(rows)})


def build_optimizer(phase: Phase) -> torch.optim.Optimizer:
    """New optimiser over the phase's parameters."""
    settings, parameters = phase.training, list(phase.parameters)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, lr=phase.lr, momentum=settings.momentum, weight_decay=settings.weight_decay, fused=True
        )
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=phase.lr, weight_decay=settings.weight_decay, fused=True)


def _lay_out(optimizer: torch.optim.Optimizer) -> None:
    """Give the loaded statistics the memory layout of their parameters, which a fused optimiser takes for granted."""
    for parameter, statistics in optimizer.state.items():
        for name, value in statistics.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                statistics[name] = torch.empty_like(parameter).copy_(value)


def learning_rate(settings: TrainingSettings, base: float, position: float, epochs: int) -> float:
    """Learning rate at ``position`` (in epochs, fractional) of ``epochs``."""
    if settings.warmup_epochs > 0 and position < settings.warmup_epochs:
        return base * (position + 1e-3) / settings.warmup_epochs
    if settings.schedule == "cosine":
        return base * 0.5 * (1 + math.cos(math.pi * position / epochs))
    if settings.schedule == "steps":
        return base * settings.gamma ** sum(position >= m for m in settings.milestones)
    return base


def _train_epoch(
    method: Method, data: TrainingData, phase: Phase, optimizer: torch.optim.Optimizer, epoch: int
) -> EpochRow:
    generator = torch_generator(method.facts.seed, "epoch", method.step, phase.name, epoch)
    batches = _shuffled_batches(len(data.pool), phase.training.batch_size, generator)
    totals: dict[str, float] = {}
    for number, indices in enumerate(batches):
        rate = learning_rate(phase.training, phase.lr, epoch + number / len(batches), phase.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        method.network.train()
        batch = _make_batch(data, indices, phase.training, generator, method.device)
        terms = _optimise(method, batch, phase, optimizer, f"epoch {epoch}, batch {number}")
        for name, value in terms.items():
            totals[name] = totals.get(name, 0.0) + value / len(batches)
    return {"step": method.step, "phase": phase.name, "epoch": epoch, "lr": rate, **totals}


def _shuffled_batches(count: int, size: int, generator: torch.Generator) -> list[Tensor]:
    order = torch.randperm(count, generator=generator)
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) < size:
        batches.pop()
    return batches


def _make_batch(
    data: TrainingData, indices: Tensor, settings: TrainingSettings, generator: torch.Generator, device: torch.device
) -> Batch:
    images = data.pool.images[indices].to(device).float() / 255
    poses = data.pool.poses[indices].to(device)
    images, poses = augment(images, poses, settings.augmentation, generator)
    labels = data.pool.labels[indices].to(device)
    return Batch(normalise(images), labels, poses, data.replayed[indices].to(device), generator)


def _optimise(
    method: Method, batch: Batch, phase: Phase, optimizer: torch.optim.Optimizer, where: str
) -> dict[str, float]:
    terms = method.losses(batch)
    values = {name: float(term.detach()) for name, term in terms.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            raise FloatingPointError(f"loss term `{name}` is {value} (step {method.step}, {phase.name}, {where})")
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(terms.values())).sum().backward()
    optimizer.step()
    method.after_batch(batch)
    return values
