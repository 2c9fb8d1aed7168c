"""The aligner that does nothing: what is left of a gate's effect without any alignment."""

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.aligners.base import Aligner, FitReport, LatentPairs, Monitor
from meshcil.memory.ledger import LedgerRow


class LatentAligner(Aligner):
    """Latents stay what they are."""

    def fit(self, pairs: LatentPairs, generator: torch.Generator, monitor: Monitor | None = None) -> FitReport:
        """Nothing to learn."""
        return FitReport()

    def align(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """The latents."""
        self.require_width(latents)
        return latents

    def negative_energy(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, " n"]:
        """0 everywhere."""
        self.require_width(latents)
        return latents.new_zeros(len(latents))

    def tensors(self) -> dict[str, Tensor]:
        """None."""
        return {}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Nothing to take."""

    def ledger_rows(self) -> list[LedgerRow]:
        """None."""
        return []
