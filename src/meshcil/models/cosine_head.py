"""Cosine classifier with a learned scale, rows of old classes frozen; one row per class or several proxies.

One row per class is LUCIR's classifier (Hou et al. 2019, section 3.2), several are PODNet's local similarity
classifier (Douillard et al. 2020, section 3.2).
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional


class CosineHead(nn.Module):
    """Logits ``scale * similarity(feature, class)`` of ``proxies`` rows per class; growing freezes the rows there are.

    The scale is learned.
    """

    def __init__(self, dim: int, scale: float, proxies: int = 1) -> None:
        super().__init__()
        self.dim = dim
        self.proxies = proxies
        self.frozen = nn.Parameter(torch.empty(0, dim), requires_grad=False)
        self.weight = nn.Parameter(torch.empty(0, dim))
        self.scale = nn.Parameter(torch.tensor(scale))

    @property
    def classes(self) -> int:
        """Classes of the head."""
        return (len(self.frozen) + len(self.weight)) // self.proxies

    def grow(self, classes: int, generator: torch.Generator | None) -> None:
        """Freeze all rows and add new ones, if there are fewer than ``classes``; without a generator they are zero.

        Raises ValueError when ``classes`` is less than the rows there are.
        """
        new = classes - self.classes
        if new < 0:
            raise ValueError(f"classes must be at least the {self.classes} rows there are, not {classes}")
        if new == 0:
            return
        rows = torch.zeros(new * self.proxies, self.dim)
        if generator is not None:
            bound = 1 / math.sqrt(self.dim)
            rows.uniform_(-bound, bound, generator=generator)
        kept = torch.cat([self.frozen, self.weight]).detach()
        self.frozen = nn.Parameter(kept, requires_grad=False)
        self.weight = nn.Parameter(rows.to(kept.device))

    @torch.no_grad()
    def imprint(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        """Start the new rows from their classes' images (at least one of each), with the old rows' mean norm.

        One row points where the class's mean direction does; several point at the centres of its clusters. Labels count
        from the number of frozen classes on.
        """
        unit = functional.normalize(features, dim=1)
        first = len(self.frozen) // self.proxies
        centres = [cluster_centres(unit[labels == c], self.proxies) for c in range(first, self.classes)]
        self.weight.copy_(functional.normalize(torch.cat(centres), dim=1) * self.frozen.norm(dim=1).mean())

    def similarities(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Cosine of each feature with each class; of several proxies the mean that weighs near ones more."""
        rows = torch.cat([self.frozen, self.weight])
        cosines = functional.normalize(features, dim=1) @ functional.normalize(rows, dim=1).T
        return cosines if self.proxies == 1 else reduce_proxies(cosines.unflatten(1, (-1, self.proxies)))

    def forward(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Logits of all classes."""
        return self.scale * self.similarities(features)


def reduce_proxies(cosines: Float[Tensor, "B C K"]) -> Float[Tensor, "B C"]:
    """``sum_k softmax_k(s) s_k``: similarity to a class from those to its proxies (PODNet, eq. 4)."""
    return (cosines.softmax(dim=2) * cosines).sum(dim=2)


_ROUNDS = 20


def cluster_centres(points: Float[Tensor, "n D"], count: int) -> Float[Tensor, "count D"]:
    """Centres of ``count`` clusters by Lloyd's rounds from a farthest-first start; no random draws.

    One cluster is the mean. With fewer points than clusters the points repeat. Raises ValueError when there is no
    point.
    """
    if not len(points):
        raise ValueError("points must hold at least one point")
    if count == 1:
        return points.mean(dim=0, keepdim=True)
    if len(points) <= count:
        return points[torch.arange(count, device=points.device) % len(points)]
    centres = _farthest_first(points, count)
    for _ in range(_ROUNDS):
        nearest = torch.cdist(points, centres).argmin(dim=1)
        members = torch.nn.functional.one_hot(nearest, count).to(points.dtype)
        sizes = members.sum(dim=0)[:, None]
        # A cluster that lost its last point stays where it was.
        centres = torch.where(sizes > 0, members.T @ points / sizes.clamp(min=1), centres)
    return centres


def _farthest_first(points: Float[Tensor, "n D"], count: int) -> Float[Tensor, "count D"]:
    chosen = [(points - points.mean(dim=0)).norm(dim=1).argmin()]
    nearest = (points - points[chosen[0]]).norm(dim=1)
    for _ in range(count - 1):
        chosen.append(nearest.argmax())
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).norm(dim=1))
    return points[torch.stack(chosen)]
