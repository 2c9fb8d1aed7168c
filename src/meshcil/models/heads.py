"""Classification heads that grow with the classes."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


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
    """Normalised mean of the normalised features of each class; zero for a class without images."""
    unit = features / (features.norm(dim=1, keepdim=True) + 1e-8)
    sums = torch.zeros(classes, features.shape[1], dtype=features.dtype, device=features.device)
    sums.index_add_(0, labels, unit)
    counts = torch.bincount(labels, minlength=classes).clamp(min=1)
    means = sums / counts[:, None]
    return means / (means.norm(dim=1, keepdim=True) + 1e-8)


@torch.no_grad()
def align_new_rows(weight: Float[Tensor, "C D"], old: int) -> Float[Tensor, ""]:
    """Scale rows from ``old`` on, in place, so that their mean L2 norm is that of the rows before; biases stay.

    Doing it again changes nothing. The result is the factor gamma. Raises ValueError when there is no old or no new
    row.
    """
    if not 0 < old < len(weight):
        raise ValueError(f"old must be from 1 to {len(weight) - 1}, got {old}")
    norms = weight.norm(dim=1)
    gamma = norms[:old].mean() / norms[old:].mean()
    weight[old:] *= gamma
    return gamma


class CorrectedLinear(GrowingLinear):
    """A growing head whose logits are scaled and shifted class by class, by 1 and 0 until that is changed (BiC)."""

    def __init__(self, dim: int) -> None:
        super().__init__(dim)
        self.factor = nn.Parameter(torch.empty(0), requires_grad=False)
        self.offset = nn.Parameter(torch.empty(0), requires_grad=False)

    def grow(self, classes: int, generator: torch.Generator | None) -> None:
        """As the base class; new logits stay as they are."""
        new = self.weight.new_ones(classes - self.classes)
        super().grow(classes, generator)
        self.factor = nn.Parameter(torch.cat([self.factor, new]), requires_grad=False)
        self.offset = nn.Parameter(torch.cat([self.offset, 0 * new]), requires_grad=False)

    def forward(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Corrected logits of all classes."""
        return self.factor * super().forward(features) + self.offset


def fit_correction(
    logits: Float[Tensor, "n C"], labels: Int[Tensor, " n"], old: int, decay: float
) -> tuple[float, float]:
    """Factor and offset of the new classes' logits, those from ``old`` on, of least cross-entropy (BiC, section 3.3).

    ``decay`` / 2 times the sum of their squares is added, as by weight decay, so that there is one minimum.
    """
    known = logits.detach().double()
    line = known.new_tensor([1.0, 0.0]).requires_grad_()
    search = torch.optim.LBFGS([line], max_iter=200, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def objective() -> Tensor:
        search.zero_grad()
        corrected = torch.cat([known[:, :old], line[0] * known[:, old:] + line[1]], dim=1)
        value = functional.cross_entropy(corrected, labels) + 0.5 * decay * line.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        search.step(objective)
    return float(line[0].detach()), float(line[1].detach())
