"""The optimiser loop of every incremental method: its phases, epoch by epoch, with a checkpoint after each.

Four other things are fitted by loops of their own, which know neither steps nor methods: a detector
(`studies.detection_training.train_phase`), the network with two heads (`studies.two_tasks.fit_task`), the energy of an
aligner (`aligners.eli.LatentAligner.fit`) and centroids (`models.frames.low_coherence_frame`).
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from meshcil.config.methods.base import TrainingSettings
from meshcil.core.errors import InputError
from meshcil.core.seeding import torch_generator
from meshcil.methods.base.images import LatentPool, as_floats, normalise
from meshcil.methods.base.method import Batch, Method, Phase
from meshcil.models.chain import blocks
from meshcil.models.trunks import pretrained_parameters
from meshcil.training.augmentation import augment, occlude
from meshcil.training.checkpoint import Interrupted, load_checkpoint, save_checkpoint
from meshcil.training.selection import TrainingData, balanced_subset

EpochRow = dict[str, Any]
Progress = Callable[[EpochRow], None]


def train_step(
    method: Method,
    data: TrainingData,
    checkpoint: Path,
    progress: Progress = lambda _row: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[EpochRow]:
    """Train ``method`` on one step that it has begun, resuming where ``checkpoint`` was saved if it exists.

    All draws derive from (seed, step, phase, epoch), so that a resumed run computes what an undisturbed one does, bit
    for bit on the CPU. The checkpoint is replaced after each epoch, its predecessor kept beside it
    (`training/checkpoint.py`); the caller deletes both when the result is stored. ``progress`` is called with each
    finished epoch's row, ``stop`` is asked after each batch. The rows hold phase, epoch, learning rate and the mean of
    each loss term.

    Raises InputError when training diverged (the checkpoint of the last sound epoch stays), and Interrupted when
    ``stop`` said so; the same call goes on with the next batch.
    """
    rows: list[EpochRow] = []
    resume = load_checkpoint(checkpoint)
    method.prepare_step(data.new)
    if resume is not None:
        rows = list(resume["rows"])
        method.load_state(resume["method"])
    new, held = data.new, method.held_out(data.pool)
    if held is not None:
        data = data.subset((~held).nonzero()[:, 0])
    for index, phase in enumerate(method.phases()):
        if resume is not None and resume["phase"] > index:
            continue
        optimizer, first, partial = build_optimizer(phase, method), 0, None
        if resume is not None and resume["phase"] == index:
            optimizer.load_state_dict(resume["optimizer"])
            _lay_out(optimizer)
            first, partial, chosen = resume["epoch"], resume["partial"], resume["chosen"]
        else:
            # A resumed phase cannot choose again: the features that chose have changed since.
            chosen = balanced_subset(method, data) if phase.balanced else None
        part = data if chosen is None else data.subset(chosen)
        for number in range(first, phase.epochs):
            epoch = _Epoch(method, part, phase, optimizer, number, partial)
            partial = None
            while epoch.unfinished:
                epoch.train_batch()
                if epoch.unfinished and stop():
                    save_checkpoint(checkpoint, method, optimizer, index, number, rows, chosen, epoch.partial())
                    raise Interrupted(checkpoint)
            epoch.require_sound()
            rows.append(epoch.row())
            save_checkpoint(checkpoint, method, optimizer, index, number + 1, rows, chosen)
            progress(rows[-1])
            if stop():
                raise Interrupted(checkpoint)
    method.finish_step(new)
    return rows


def build_optimizer(phase: Phase, method: Method) -> torch.optim.Optimizer:
    """New optimiser over the phase's parameters; those of a trunk are a group with a rate and decay of their own."""
    settings, block = phase.training, method.settings.backbone
    trunk = set(pretrained_parameters(method.network))
    groups = []
    for ours, decay, share in ((False, settings.weight_decay, 1.0), (True, block.trunk_weight_decay, block.trunk_rate)):
        if members := [p for p in phase.parameters if (p in trunk) is ours]:
            groups.append({"params": members, "weight_decay": decay, "share": share})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=phase.lr, momentum=settings.momentum, fused=True)
    return (torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam)(groups, lr=phase.lr, fused=True)


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


class _Epoch:
    """One pass over the data, batch by batch, which can be left and taken up again between two batches."""

    def __init__(
        self,
        method: Method,
        data: TrainingData,
        phase: Phase,
        optimizer: torch.optim.Optimizer,
        number: int,
        partial: dict[str, Any] | None,
    ) -> None:
        self.method, self.data, self.phase, self.optimizer, self.number = method, data, phase, optimizer, number
        self.generator = torch_generator(method.facts.seed, "epoch", method.step, phase.name, number)
        count = len(data.pool if phase.latents is None else phase.latents)
        partial_too = phase.training.keep_partial or phase.latents is not None
        self.batches = _shuffled_batches(count, phase.training.batch_size, partial_too, self.generator)
        self.position, self.totals = 0, dict[str, float]()
        if partial is not None:
            self.position, self.totals = partial["position"], dict(partial["totals"])
            self.generator.set_state(partial["generator"])

    @property
    def unfinished(self) -> bool:
        """Whether batches are left."""
        return self.position < len(self.batches)

    @property
    def rate(self) -> float:
        """Learning rate at the present position."""
        position = self.number + self.position / len(self.batches)
        return learning_rate(self.phase.training, self.phase.lr, position, self.phase.epochs)

    def train_batch(self) -> None:
        """Optimise on the next batch."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * group["share"]
        self.method.network.train()
        indices = self.batches[self.position]
        if len(indices) == 1:
            keep_statistics(self.method.network)
        batch = _make_batch(self.data, indices, self.phase, self.generator, self.method.device)
        terms = _optimise(self.method, batch, self.phase, self.optimizer, self.refuse)
        for name, value in terms.items():
            self.totals[name] = self.totals.get(name, 0.0) + value / len(self.batches)
        self.position += 1

    def refuse(self, cause: str) -> None:
        """End a training that diverged: what would be stored and scored is worthless. Raises InputError always."""
        update = self.number * len(self.batches) + self.position
        where = f"step {self.method.step}, {self.phase.name}, epoch {self.number}, update {update}"
        remedy = "Lower `lr` or set `gradient_limit` in the method's settings. The last sound state is kept"
        raise InputError(where, f"training diverged: {cause}", remedy, "a-run")

    def require_sound(self) -> None:
        """Refuse parameters and statistics that are not finite: a loss is looked at before an update, not after it."""
        for name, value in self.method.network.state_dict().items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                self.refuse(f"`{name}` is not finite")

    def partial(self) -> dict[str, Any]:
        """What an unfinished epoch needs to go on."""
        return {"position": self.position, "totals": self.totals, "generator": self.generator.get_state()}

    def row(self) -> EpochRow:
        """Learning rate of the last batch and mean of each loss term."""
        group = self.optimizer.param_groups[0]
        names = {"step": self.method.step, "phase": self.phase.name, "epoch": self.number}
        names["lr"] = group["lr"] / group["share"]
        return names | self.totals


def keep_statistics(network: nn.Module) -> None:
    """Let batch norm use its running statistics: one image alone has none of its own."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _shuffled_batches(count: int, size: int, partial_too: bool, generator: torch.Generator) -> list[Tensor]:
    order = torch.randperm(count, generator=generator)
    batches = list(order.split(size))
    if not partial_too and len(batches) > 1 and len(batches[-1]) < size:
        batches.pop()
    return batches


def _make_batch(
    data: TrainingData, indices: Tensor, phase: Phase, generator: torch.Generator, device: torch.device
) -> Batch:
    if phase.latents is not None:
        return _latent_batch(phase.latents, indices, phase, generator)
    images = as_floats(data.pool.images[indices].to(device))
    poses = data.pool.poses[indices].to(device)
    images, poses = augment(images, poses, phase.training.augmentation, generator)
    hidden = None
    if phase.training.augmentation.occlude > 0:
        images, hidden = occlude(images, phase.training.augmentation.occlude, generator)
    labels = data.pool.labels[indices].to(device)
    return Batch(normalise(images), labels, poses, data.replayed[indices].to(device), generator, phase.name, hidden)


def _latent_batch(latents: LatentPool, indices: Tensor, phase: Phase, generator: torch.Generator) -> Batch:
    rows = indices.to(latents.features.device)
    columns = (latents.features, latents.labels, latents.poses, latents.replayed)
    return Batch(*(column[rows] for column in columns), generator, phase.name)


def _optimise(
    method: Method, batch: Batch, phase: Phase, optimizer: torch.optim.Optimizer, refuse: Callable[[str], None]
) -> dict[str, float]:
    terms = method.losses(batch)
    values = {name: float(term.detach()) for name, term in terms.items()}
    for name, value in values.items():
        if not math.isfinite(value):
            refuse(f"loss term `{name}` is {value}")
    optimizer.zero_grad(set_to_none=True)
    torch.stack(list(terms.values())).sum().backward()
    if phase.training.block_gradients:
        values |= block_gradients(method.network)
    if phase.training.gradient_limit is not None:
        nn.utils.clip_grad_value_(phase.parameters, phase.training.gradient_limit)
    optimizer.step()
    method.after_batch(batch)
    return values


def block_gradients(network: nn.Module) -> dict[str, float]:
    """L2 norm of the gradient of each block of the backbone: `gradient_01` for the first, and so on.

    Which layers the loss moves most (MEMO, section 4.3). One without a gradient is left out.
    """
    norms = {}
    for number, block in enumerate(blocks(network.backbone), start=1):
        gradients = [p.grad.norm() for p in block.parameters() if p.grad is not None]
        if gradients:
            norms[f"gradient_{number:02d}"] = float(torch.stack(gradients).norm())
    return norms
