"""ELI: energy-based latent aligner (Joseph et al., CVPR 2022)."""

import copy
import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.aligners.base import Aligner, FitReport, LatentPairs, Monitor
from meshcil.aligners.energy import EnergyNetwork, ascend
from meshcil.config.aligners.eli import Settings
from meshcil.core.seeding import torch_generator
from meshcil.memory.ledger import FLOAT_BYTES, LedgerRow, deployed, training_only

_OPTIMISER_FLOATS = 1
"""RMSprop keeps a running square per parameter."""


class LatentAligner(Aligner):
    """Latents of the previous model get low energy, samples that start at the present model's get high energy.

    The loss mean g(samples) - mean g(previous) has no regulariser, so g is unbounded and what is learned depends on
    when one stops. The averaged network aligns, with the steps of the training's sampler.
    """

    settings: Settings

    def __init__(self, settings: Settings, width: int, step: int, seed: int, device: torch.device) -> None:
        super().__init__(settings, width, step, seed, device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_generator(seed, "aligner", step).initial_seed())
            self.network = EnergyNetwork(width, settings.layers, settings.hidden).to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.RMSprop(self.network.parameters(), lr=settings.lr)

    def fit(self, pairs: LatentPairs, generator: torch.Generator, monitor: Monitor | None = None) -> FitReport:
        """Learn from pairs of latents.

        Stops where energies are no longer finite and keeps the state before that; the report names the iteration.

        Args:
            pairs: of the present step's training images.
            generator: of the order of the batches, and of which pairs `held-out` sets aside.
            monitor: looked at every `evaluate_every` iterations; `held-out` keeps the state where it was best. Without
                one, `held-out` sets pairs aside and takes minus the mean distance of their aligned latents to the
                previous model's.

        Raises:
            ValueError: there is no pair, or pairs have another width.
        """
        if not len(pairs):
            raise ValueError("pairs must not be empty")
        self.require_width(pairs.current)
        held_out = self.settings.stopping == "held-out"
        if held_out and monitor is None:
            order = torch.randperm(len(pairs), generator=generator)
            count = min(len(pairs) - 1, math.ceil(self.settings.held_out_share * len(pairs)))
            aside = pairs.subset(order[:count].to(self.device))
            pairs = pairs.subset(order[count:].to(self.device))
            monitor = _distance_monitor(aside) if count else None
        return self._run(pairs, generator, monitor, stops=held_out and monitor is not None)

    def _run(
        self, pairs: LatentPairs, generator: torch.Generator, monitor: Monitor | None, *, stops: bool
    ) -> FitReport:
        settings = self.settings
        batches = _endless_batches(len(pairs), settings.batch_size, generator)
        rows = [{"iteration": 0, "monitor": monitor(self, 0)}] if monitor else []
        best, best_state, waited = (rows[0]["monitor"] if rows else -math.inf), self.tensors(), 0
        kept = 0
        for iteration in range(1, settings.iterations + 1):
            row = self.train_batch(pairs.subset(next(batches).to(self.device)))
            if row is None:
                if stops:
                    self.load_tensors(best_state)
                return FitReport(rows, kept if stops else iteration - 1, iteration)
            if iteration % settings.evaluate_every and iteration < settings.iterations:
                continue
            value = monitor(self, iteration) if monitor else math.nan
            rows.append({"iteration": iteration, **row, "monitor": value})
            waited += 1
            if value > best:
                best, best_state, kept, waited = value, self.tensors(), iteration, 0
            if stops and waited >= settings.patience:
                break
        if stops:
            self.load_tensors(best_state)
        return FitReport(rows, kept if stops else settings.iterations)

    def train_batch(self, pairs: LatentPairs) -> dict[str, float] | None:
        """One update of the network and its average.

        Returns:
            Loss, mean g of the previous latents and of the samples; None, with the averaged network unchanged, when a
            value is not finite.
        """
        settings = self.settings
        samples = ascend(self.network, pairs.current, steps=settings.steps, step_size=settings.step_size)
        raised, lowered = self.network(pairs.previous).mean(), self.network(samples).mean()
        loss = lowered - raised
        row = {"loss": loss.item(), "previous": raised.item(), "samples": lowered.item()}
        if not all(map(math.isfinite, row.values())):
            return None
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        live = [parameter.detach() for parameter in self.network.parameters()]
        if not all(bool(parameter.isfinite().all()) for parameter in live):
            return None
        torch._foreach_lerp_(list(self.average.parameters()), live, 1 - settings.ema)  # pyright: ignore[reportPrivateImportUsage]
        return row

    def align(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Latents after the sampler's steps under the averaged network.

        Raises:
            ValueError: latents of another width.
            FloatingPointError: an aligned latent is not finite.
        """
        self.require_width(latents)
        aligned = ascend(self.average, latents, steps=self.settings.steps, step_size=self.settings.step_size)
        if not bool(aligned.isfinite().all()):
            raise FloatingPointError(f"aligned latents are not finite (aligner of step {self.step})")
        return aligned

    @torch.no_grad()
    def negative_energy(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, " n"]:
        """Of the averaged network."""
        self.require_width(latents)
        return self.average(latents)

    def tensors(self) -> dict[str, Tensor]:
        """Copies of the averaged network's parameters."""
        return {name: tensor.detach().clone() for name, tensor in self.average.state_dict().items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Take the averaged network."""
        self.average.load_state_dict(tensors)

    def ledger_rows(self) -> list[LedgerRow]:
        """The averaged network aligns; the live one and its optimiser state exist only while it is fitted."""
        size = FLOAT_BYTES * sum(parameter.numel() for parameter in self.average.parameters())
        return [deployed("aligner", size), training_only("aligner in training", size * (1 + _OPTIMISER_FLOATS))]


def _distance_monitor(aside: LatentPairs) -> Monitor:
    def value(aligner: Aligner, iteration: int) -> float:
        return -float((aligner.align(aside.current) - aside.previous).norm(dim=1).mean())

    return value


def _endless_batches(count: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Rows of shuffled batches, without end; a last partial batch is dropped unless it is the only one."""
    size = min(size, count)
    while True:
        order = torch.randperm(count, generator=generator)
        yield from (rows for rows in order.split(size) if len(rows) == size)
