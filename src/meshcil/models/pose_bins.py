"""2D pose baseline: a pose is a bin of azimuth, elevation and theta, with a set of bins per class or one for all."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from meshcil.models.heads import GrowingLinear


@dataclass(frozen=True)
class BinLayout:
    """Number of bins and, for elevation and theta, the range in radians they divide evenly."""

    azimuth: int
    elevation: int
    theta: int
    elevation_range: tuple[float, float]
    theta_range: tuple[float, float]

    @property
    def total(self) -> int:
        """Bins of all three angles together."""
        return self.azimuth + self.elevation + self.theta

    def encode(self, pose: Float[Tensor, "B 3"]) -> Int[Tensor, "B 3"]:
        """Bin of each angle; azimuth is circular with 0 at a bin's centre, the others are clamped."""
        azimuth = torch.floor(pose[:, 0] / (2 * math.pi) * self.azimuth + 0.5).long() % self.azimuth
        elevation = self._linear(pose[:, 1], self.elevation, self.elevation_range)
        theta = self._linear(pose[:, 2], self.theta, self.theta_range)
        return torch.stack([azimuth, elevation, theta], dim=1)

    def decode(self, bins: Int[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
        """Pose at the bins' centres, in radians."""
        azimuth = bins[:, 0] * (2 * math.pi / self.azimuth)
        elevation = self._centre(bins[:, 1], self.elevation, self.elevation_range)
        theta = self._centre(bins[:, 2], self.theta, self.theta_range)
        return torch.stack([azimuth, elevation, theta], dim=1)

    @staticmethod
    def _linear(angle: Tensor, bins: int, limits: tuple[float, float]) -> Tensor:
        position = (angle - limits[0]) / (limits[1] - limits[0]) * bins
        return position.floor().long().clamp(0, bins - 1)

    @staticmethod
    def _centre(index: Tensor, bins: int, limits: tuple[float, float]) -> Tensor:
        return limits[0] + (index + 0.5) * (limits[1] - limits[0]) / bins


class PoseBinHead(nn.Module):
    """For each class, or once for all, a linear layer from the feature to the logits of its bins."""

    def __init__(self, dim: int, layout: BinLayout, *, shared: bool = False) -> None:
        super().__init__()
        self.layout, self.shared = layout, shared
        self.linear = GrowingLinear(dim)

    def grow(self, classes: int, generator: torch.Generator | None) -> None:
        """Add bins of new classes; see `GrowingLinear.grow`."""
        self.linear.grow((1 if self.shared else classes) * self.layout.total, generator)

    def logits(self, features: Float[Tensor, "B D"], labels: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B bins"], ...]:
        """Bin logits of azimuth, elevation and theta for the class ``labels``."""
        sets = self.linear(features).unflatten(1, (-1, self.layout.total))
        chosen = torch.zeros_like(labels) if self.shared else labels
        own = sets[torch.arange(len(labels), device=labels.device), chosen]
        return own.split([self.layout.azimuth, self.layout.elevation, self.layout.theta], dim=1)

    def loss(
        self, features: Float[Tensor, "B D"], labels: Int[Tensor, " B"], pose: Float[Tensor, "B 3"]
    ) -> Float[Tensor, ""]:
        """Sum of the three cross-entropies over the bins of the true class, mean over the batch."""
        targets = self.layout.encode(pose)
        terms = [functional.cross_entropy(part, targets[:, i]) for i, part in enumerate(self.logits(features, labels))]
        return torch.stack(terms).sum()

    def predict(self, features: Float[Tensor, "B D"], labels: Int[Tensor, " B"]) -> Float[Tensor, "B 3"]:
        """Pose of the class ``labels`` in radians, at bin centres."""
        return self.layout.decode(torch.stack([part.argmax(dim=1) for part in self.logits(features, labels)], dim=1))
