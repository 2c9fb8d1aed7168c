"""ELI: energy-based latent aligner, its energy network and sampler (Joseph et al., CVPR 2022).

The network's output g is the negative energy, E = -g. Latents move along the gradient of g, without noise.
"""

import copy
import itertools
import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from meshcil.aligners.base import Aligner, FitReport, LatentPairs, Monitor
from meshcil.config.aligners.eli import Settings
from meshcil.core.seeding import torch_generator
from meshcil.memory.ledger import FLOAT_BYTES, LedgerRow, deployed, training_only

_SLOPE = 0.2
"""Of the leaky ReLU, for negative inputs."""


class EnergyNetwork(nn.Module):
    """Multilayer perceptron from a latent to one number; without a hidden layer it is one linear map."""

    def __init__(self, width: int, layers: int, hidden: int) -> None:
        super().__init__()
        widths = [width, *[hidden] * layers, 1]
        self.linear = nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise(widths))

    def forward(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, " n"]:
        """Negative energy of each latent."""
        for layer in list(self.linear)[:-1]:
            latents = functional.leaky_relu(layer(latents), _SLOPE)
        return self.linear[-1](latents)[:, 0]

    @torch.no_grad()
    def gradient(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Gradient of g at each latent: g is piecewise linear, so it is a product of weights with slopes."""
        first = self.linear[0]
        if len(self.linear) == 1:
            return first.weight.expand(len(latents), -1)
        return self.pull(first(latents)) @ first.weight

    def pull(self, hidden: Float[Tensor, "n H"]) -> Float[Tensor, "n H"]:
        """Gradient of g with respect to the first layer's output ``hidden``."""
        # A slice of a ModuleList is a new module: a third of the sampler's time.
        middle, inputs, x = list(self.linear)[1:-1], [], hidden
        for layer in middle:
            inputs.append(x)
            x = layer(functional.leaky_relu(x, _SLOPE))
        gradient = _through_leaky_relu(self.linear[-1].weight.expand_as(x), x)
        for layer, x in zip(reversed(middle), reversed(inputs), strict=True):
            gradient = _through_leaky_relu(gradient @ layer.weight, x)
        return gradient


def _through_leaky_relu(gradient: Float[Tensor, "n H"], inputs: Float[Tensor, "n H"]) -> Float[Tensor, "n H"]:
    # One pass over memory, where a mask and a product take three; half of all time went into them.
    return torch.ops.aten.leaky_relu_backward(gradient, inputs, _SLOPE, False)


@torch.no_grad()
def ascend(
    network: EnergyNetwork, latents: Float[Tensor, "n D"], *, steps: int, step_size: float
) -> Float[Tensor, "n D"]:
    """Follow the gradient of g from ``latents``: z <- z + step_size * grad g(z), ``steps`` (K) times.

    All rows move together. The steps are taken in the first layer's output: a move along a gradient changes it by the
    gradient times the Gram matrix of the layer's weights, and the latents follow once, at the end. The same numbers up
    to rounding, at a cost that does not grow with the width of the latents.
    """
    first = network.linear[0]
    if len(network.linear) == 1:
        return latents + steps * step_size * first.weight
    gram = first.weight @ first.weight.T
    hidden = first(latents)
    total = torch.zeros_like(hidden)
    for _ in range(steps):
        pull = network.pull(hidden)
        total += pull
        hidden = torch.addmm(hidden, pull, gram, alpha=step_size)
    return torch.addmm(latents, total, first.weight, alpha=step_size)


_TRAINING_COPIES = 3
"""Beside the averaged network: the live one, RMSprop's running squares, and the average before the last update."""


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
        self._before = copy.deepcopy(self.average)
        self._updates = 0
        self.optimizer = torch.optim.RMSprop(self.network.parameters(), lr=settings.lr)

    def fit(self, pairs: LatentPairs, generator: torch.Generator, monitor: Monitor | None = None) -> FitReport:
        """Learn from pairs of latents of the present step's training images.

        Stops where energies or aligned latents are no longer finite and keeps the last state that gave finite ones; the
        report names both iterations. The monitor is looked at every `evaluate_every` iterations; `held-out` keeps the
        state where it was best. Without one, `held-out` sets pairs aside and takes minus the mean distance of their
        aligned latents to the previous model's. Raises ValueError when there is no pair, or pairs have another width.
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
        return self._optimise(pairs, generator, monitor, stops=held_out and monitor is not None)

    def _optimise(
        self, pairs: LatentPairs, generator: torch.Generator, monitor: Monitor | None, *, stops: bool
    ) -> FitReport:
        """The optimiser loop of the energy network."""
        settings = self.settings
        batches = _endless_batches(len(pairs), settings.batch_size, generator)
        rows = [{"iteration": 0, "monitor": monitor(self, 0)}] if monitor else []
        best, best_state, kept = (rows[0]["monitor"] if rows else -math.inf), self.tensors(), 0
        self._updates = waited = 0
        for iteration in range(1, settings.iterations + 1):
            batch = pairs.subset(next(batches).to(self.device))
            row = self.train_batch(batch)
            if row is not None and iteration % settings.evaluate_every and iteration < settings.iterations:
                continue
            value = self._look(monitor, iteration) if row is not None else None
            if row is None or value is None:
                if stops:
                    self.load_tensors(best_state)
                else:
                    kept = self._step_back(batch.current if row is None else None)
                return FitReport(rows, kept, iteration)
            rows.append({"iteration": iteration, **row, "monitor": value})
            waited += 1
            if value > best:
                best, best_state, kept, waited = value, self.tensors(), iteration, 0
            if stops and waited >= settings.patience:
                break
        if stops:
            self.load_tensors(best_state)
            return FitReport(rows, kept)
        # No batch follows that would show what the last update did.
        if self._is_finite(pairs.current[: settings.batch_size]):
            return FitReport(rows, settings.iterations)
        return FitReport(rows, self._step_back(None), settings.iterations)

    def _look(self, monitor: Monitor | None, iteration: int) -> float | None:
        """Value of the monitor; None where what it aligns is not finite."""
        try:
            return monitor(self, iteration) if monitor else math.nan
        except FloatingPointError:
            return None

    def _step_back(self, latents: Float[Tensor, "n D"] | None) -> int:
        """Take back the average's last update if that made energies infinite; the iteration whose state is kept.

        They were so for the batch of ``latents``; None if the average is known not to align.
        """
        if self._updates and (latents is None or not self._is_finite(latents)):
            self.load_tensors(self._before.state_dict())
            self._updates -= 1
        return self._updates

    def _is_finite(self, latents: Float[Tensor, "n D"]) -> bool:
        """Whether the averaged network aligns the finite ones of these latents."""
        latents = latents[latents.isfinite().all(dim=1)]
        aligned = ascend(self.average, latents, steps=self.settings.steps, step_size=self.settings.step_size)
        return bool(aligned.isfinite().all() and self.average(aligned).isfinite().all())

    def train_batch(self, pairs: LatentPairs) -> dict[str, float] | None:
        """One update of the network and its average: loss, mean g of the previous latents and of the samples.

        None, with the averaged network unchanged, when a value is not finite.
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
        torch._foreach_copy_(list(self._before.parameters()), list(self.average.parameters()))  # pyright: ignore[reportPrivateImportUsage]
        torch._foreach_lerp_(list(self.average.parameters()), live, 1 - settings.ema)  # pyright: ignore[reportPrivateImportUsage]
        self._updates += 1
        return row

    def align(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Latents after the sampler's steps under the averaged network.

        Raises ValueError for latents of another width, and FloatingPointError when an aligned latent is not finite.
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
        """The averaged network aligns; the rest exists only while it is fitted."""
        size = FLOAT_BYTES * sum(parameter.numel() for parameter in self.average.parameters())
        return [deployed("aligner", size), training_only("aligner in training", size * _TRAINING_COPIES)]


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
