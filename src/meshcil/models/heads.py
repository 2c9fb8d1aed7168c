"""Classification heads that grow with the classes."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GrowingLinear(nn.Module):
    """Linear head: weights [classes, dim], biases [classes]; old rows survive growth.

    New rows are Kaiming-uniform and new biases zero (PyCIL's rule, so that comparisons with it are fair).
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.weight = nn.Parameter(torch.empty(0, dim))
        self.bias = nn.Parameter(torch.empty(0))

    @property
    def classes(self) -> int:
        """Rows of the head."""
        return self.weight.shape[0]

    def grow(self, classes: int, generator: torch.Generator | None) -> None:
        """Add rows until there are ``classes``; without a generator the new rows stay zero (to be loaded)."""
        new = classes - self.classes
        if new < 0:
            raise ValueError(f"classes must be at least the {self.classes} rows there are, not {classes}")
        rows = torch.zeros(new, self.dim)
        if generator is not None and new:
            bound = math.sqrt(3.0 / self.dim)
            rows.uniform_(-bound, bound, generator=generator)
        device = self.weight.device
        self.weight = nn.Parameter(torch.cat([self.weight.detach(), rows.to(device)]))
        self.bias = nn.Parameter(torch.cat([self.bias.detach(), torch.zeros(new, device=device)]))

    def forward(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Logits of all classes."""
        return features @ self.weight.T + self.bias


def nearest_mean_scores(features: Float[Tensor, "B D"], means: Float[Tensor, "C D"]) -> Float[Tensor, "B C"]:
    """Minus the squared distance of normalised features to class means (iCaRL's classifier)."""
    unit = features / (features.norm(dim=1, keepdim=True) + 1e-8)
    return -torch.cdist(unit, means).square()


def class_means(features: Float[Tensor, "n D"], labels: Tensor, classes: int) -> Float[Tensor, "C D"]:
    """Normalised mean of the normalised features of each class; zero for a class without images.

    Args:
        features: features of exemplars.
        labels: int64 [n], positions in the class order.
        classes: number of classes C.
    """
    unit = features / (features.norm(dim=1, keepdim=True) + 1e-8)
    sums = torch.zeros(classes, features.shape[1], dtype=features.dtype, device=features.device)
    sums.index_add_(0, labels, unit)
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    means = sums / counts[:, None]
    return means / (means.norm(dim=1, keepdim=True) + 1e-8)
