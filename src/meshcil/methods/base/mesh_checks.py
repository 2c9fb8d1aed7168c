"""Whether iNeMo's mechanisms acted in a step: where features lie, how far they moved, how hard each loss pulled.

An ablation is only one where these say that what was taken away did something.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


def region_checks(
    features: Float[Tensor, "M D"],
    labels: Int[Tensor, " M"],
    bank: Float[Tensor, "N V D"],
    members: Bool[Tensor, "C V"],
    centroids: Float[Tensor, "N D"],
    old: int,
) -> dict[str, float]:
    """Shares of unit features (at visible vertices) and bank rows whose nearest centroid is their class's.

    ``members`` marks the rows of the bank that are vertices of the C classes seen, of which ``old`` had arrived before
    the step.
    """
    nearest = (features @ centroids.T).argmax(1)
    rows = members.nonzero(as_tuple=True)
    found = {
        "features in own region": (nearest == labels),
        "old features in own region": (nearest == labels)[labels < old],
        "features in reserved regions": nearest >= len(members),
        "bank in own region": (bank[rows] @ centroids.T).argmax(1) == rows[0],
    }
    return {name: float(share.float().mean()) for name, share in found.items() if len(share)}


def drift_checks(
    features: Float[Tensor, "M D"],
    taught: Float[Tensor, "M D"] | None,
    bank: Float[Tensor, "K V D"],
    before: Float[Tensor, "K V D"],
    members: Bool[Tensor, "K V"],
) -> dict[str, float]:
    """Mean cosines of features and bank rows with what they were before the step; 1 where nothing moved.

    ``taught`` are the earlier network's features, None in the first step; ``bank`` and ``before`` have the rows of the
    K classes that had arrived before, of which ``members`` are vertices.
    """
    if taught is None or not len(bank):
        return {}
    return {
        "cosine of bank to before": float((before * bank).sum(-1)[members].mean()),
        "cosine of features to before": float((taught * features).sum(1).mean()),
    }


def gradient_checks(terms: Mapping[str, Float[Tensor, ""]], parameters: Sequence[nn.Parameter]) -> dict[str, float]:
    """Norm of each loss term's gradient, weights applied, as a share of that of the term `contrastive`."""
    norms = {}
    for name, term in terms.items():
        norms[name] = 0.0
        if term.requires_grad:
            found = torch.autograd.grad(term, parameters, retain_graph=True, allow_unused=True)
            norms[name] = float(torch.stack([g.norm() for g in found if g is not None]).norm())
    return {f"gradient of {name}": norm / norms["contrastive"] for name, norm in norms.items() if name != "contrastive"}
