"""Cosine classifier with a learned scale, rows of old classes frozen (Hou et al. 2019, LUCIR, section 3.2)."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


class CosineHead(nn.Module):
    """Logits ``scale * cos(feature, row)``; growing freezes the rows there are.

    Args:
        dim: of a feature.
        scale: what the learned scale starts from.
    """

    def __init__(self, dim: int, scale: float) -> None:
        super().__init__()
        self.dim = dim
        self.frozen = nn.Parameter(torch.empty(0, dim), requires_grad=False)
        self.weight = nn.Parameter(torch.empty(0, dim))
        self.scale = nn.Parameter(torch.tensor(scale))

    @property
    def classes(self) -> int:
        """Rows of the head."""
        return len(self.frozen) + len(self.weight)

    def grow(self, classes: int, generator: torch.Generator | None) -> None:
        """Freeze all rows and add new ones, if there are fewer than ``classes``; without a generator they are zero.

        Raises:
            ValueError: ``classes`` is less than the rows there are.
        """
        new = classes - self.classes
        if new < 0:
            raise ValueError(f"classes must be at least the {self.classes} rows there are, not {classes}")
        if new == 0:
            return
        rows = torch.zeros(new, self.dim)
        if generator is not None:
            bound = 1 / math.sqrt(self.dim)
            rows.uniform_(-bound, bound, generator=generator)
        kept = torch.cat([self.frozen, self.weight]).detach()
        self.frozen = nn.Parameter(kept, requires_grad=False)
        self.weight = nn.Parameter(rows.to(kept.device))

    @torch.no_grad()
    def imprint(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        """Start the new rows from their classes' images: mean direction, with the old rows' mean norm.

        Args:
            features: of images of the new classes, at least one of each.
            labels: positions in the class order, from the number of frozen rows on.
        """
        unit = functional.normalize(features, dim=1)
        first = len(self.frozen)
        means = torch.stack([unit[labels == c].mean(dim=0) for c in range(first, self.classes)])
        self.weight.copy_(functional.normalize(means, dim=1) * self.frozen.norm(dim=1).mean())

    def cosines(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Cosine of each feature with each row."""
        rows = torch.cat([self.frozen, self.weight])
        return functional.normalize(features, dim=1) @ functional.normalize(rows, dim=1).T

    def forward(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Logits of all classes."""
        return self.scale * self.cosines(features)
