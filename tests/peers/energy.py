"""A short fit of the energy network on latents that a step moved, which ELI's notebook has fitted too.

The set-up: 200 pairs of normal latents of width 8, the present ones moved by 2 along the first axis; one hidden layer
of 16 units; batches of 32, 60 iterations; everything else as published (30 steps of .1, RMSprop at 1e-4, decay of the
average .99). In the lockstep run the notebook's class had this run's first weights and its batches.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from meshcil.aligners.base import LatentPairs
from meshcil.aligners.eli import LatentAligner
from tests.aligners.factory import CPU, displaced, settings

WIDTH, HIDDEN, ITERATIONS = 8, 16, 60


@dataclass
class Trace:
    """What is compared.

    Attributes:
        losses: before each update.
        moved: Euclidean norm of what the fit has changed in the averaged network's weights.
        aligned: mean distance by which the averaged network moves latents that it has not seen.
    """

    losses: list[float] = field(default_factory=list)
    moved: float = 0.0
    aligned: float = 0.0


def latents(seed: int) -> LatentPairs:
    """Pairs of latents."""
    return displaced(width=WIDTH, seed=seed)


def build() -> LatentAligner:
    """An unfitted aligner."""
    chosen = settings(hidden=HIDDEN, iterations=ITERATIONS, lr=1e-4, steps=30, step_size=0.1, ema=0.99)
    return LatentAligner(chosen, WIDTH, 1, 0, CPU)


def follow(watch: Callable[[LatentPairs], None] = lambda pairs: None) -> Trace:
    """Fit; ``watch`` is called with each batch before its update."""
    aligner, trace = build(), Trace()
    start, original = aligner.tensors(), aligner.train_batch

    def noted(pairs: LatentPairs) -> dict[str, float] | None:
        watch(pairs)
        row = original(pairs)
        trace.losses.append(row["loss"] if row else float("nan"))
        return row

    aligner.train_batch = noted
    aligner.fit(latents(0), torch.Generator().manual_seed(0))
    changes = [tensor - start[name] for name, tensor in aligner.tensors().items()]
    trace.moved = float(torch.cat([change.flatten() for change in changes]).double().norm())
    unseen = latents(9).current
    trace.aligned = float((aligner.align(unseen) - unseen).norm(dim=1).mean())
    return trace
