"""What an aligner is: fitted on pairs of latents of two successive models, then applied to latents of the newer one."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.aligners.gates import EnergyRule, LearnedRule, rules_from, state_of
from meshcil.config.aligners.base import AlignerSettings
from meshcil.core.errors import InputError
from meshcil.memory.ledger import FLOAT_BYTES, LedgerRow, deployed

Monitor = Callable[["Aligner", int], float]
"""Looks at an aligner after so many iterations of its fit, at held-out data only; larger is better."""


@dataclass(frozen=True)
class LatentPairs:
    """The same images of the present step seen by two models, both in eval mode."""

    previous: Float[Tensor, "n D"]  # latents of the model before the step
    current: Float[Tensor, "n D"]  # latents of the model after it, row by row those of the same image (and place in it)

    def __post_init__(self) -> None:
        if self.previous.shape != self.current.shape:
            raise ValueError(
                f"previous must have the shape of current, {list(self.current.shape)}, not {list(self.previous.shape)}"
            )

    def __len__(self) -> int:
        return len(self.current)

    def subset(self, rows: Tensor) -> "LatentPairs":
        """The pairs at ``rows`` (int64)."""
        return LatentPairs(self.previous[rows], self.current[rows])


@dataclass(frozen=True)
class FitReport:
    """How fitting went."""

    # one per look: iteration, loss, mean g of the previous latents and of the samples, value of the monitor
    rows: list[dict[str, float]] = field(default_factory=list)
    iteration: int = 0  # at which the kept state was reached
    diverged_at: int | None = None  # iteration at which energies were no longer finite, None when they always were

    @property
    def outcome(self) -> str:
        """Which state was kept, and why, in words."""
        if self.diverged_at is None:
            return f"the state of iteration {self.iteration} is kept"
        return (
            f"energies are not finite at iteration {self.diverged_at}; the state of iteration {self.iteration} is kept"
        )


class Aligner(ABC):
    """A map from latents of the model after ``step`` to where the model before it would have put them.

    ``width`` is the number of channels of a latent, ``seed`` that of the initial network.
    """

    def __init__(self, settings: AlignerSettings, width: int, step: int, seed: int, device: torch.device) -> None:
        self.settings = settings
        self.width = width
        self.step = step
        self.seed = seed
        self.device = device
        self.energy_rule, self.learned_rule = EnergyRule(), LearnedRule(torch.zeros(width, device=device))
        """Of the gates that are fitted to images; until then they take no image for old."""

    @abstractmethod
    def fit(self, pairs: LatentPairs, generator: torch.Generator, monitor: Monitor | None = None) -> FitReport:
        """Learn from pairs of latents of the present step's training images."""

    @abstractmethod
    def align(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Aligned copies of latents; all rows move together."""

    @abstractmethod
    def negative_energy(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, " n"]:
        """Negative energy of latents: high where the previous model's latents lie."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What is stored."""

    @abstractmethod
    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Inverse of `tensors`."""

    @abstractmethod
    def ledger_rows(self) -> list[LedgerRow]:
        """Bytes that aligning needs, and that fitting needs on top."""

    def state(self) -> dict[str, Any]:
        """Everything needed to align."""
        return {
            "settings": self.settings.model_dump(mode="json"),
            "width": self.width,
            "step": self.step,
            "seed": self.seed,
            "gates": state_of(self.energy_rule, self.learned_rule),
            "tensors": self.tensors(),
        }

    def load_state(self, state: dict[str, Any], where: str) -> None:
        """Take the tensors of a stored aligner from the file ``where``.

        Raises InputError when the aligner is of another kind, of latents of another width, or of another step.
        """
        found = state["settings"]["kind"]
        if found != self.settings.kind:
            raise InputError(where, f"holds an aligner of kind {found}", f"Give one of kind {self.settings.kind}")
        if state["width"] != self.width:
            cause = f"aligns latents of width {state['width']}, but the model's have width {self.width}"
            raise InputError(where, cause, "Fit an aligner to this model")
        if state["step"] != self.step:
            cause = f"was fitted after step {state['step']}, not after step {self.step}"
            raise InputError(where, cause, "Give the aligner of the model's own step")
        gates = {name: tensor.to(self.device) for name, tensor in state["gates"].items()}
        self.energy_rule, self.learned_rule = rules_from(gates)
        self.load_tensors({name: tensor.to(self.device) for name, tensor in state["tensors"].items()})

    def gate_rows(self) -> list[LedgerRow]:
        """Bytes of what the fitted gates read: a threshold, its side, a weight per channel and a bias."""
        return [deployed("gates", FLOAT_BYTES * (self.width + 3))]

    def require_width(self, latents: Tensor) -> None:
        """Refuse latents of another width. Raises ValueError naming both widths."""
        if latents.shape[-1] != self.width:
            raise ValueError(f"latents must have width {self.width}, the aligner's, not {latents.shape[-1]}")
