"""Pull features of a class to the class's own centroid."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def positional(
    features: Float[Tensor, "M D"], classes: Int[Tensor, " M"], centroids: Float[Tensor, "N D"], *, kappa: float = 1.0
) -> Float[Tensor, ""]:
    """Cross-entropy of the unit features against all N simplex-ETF centroids (iNeMo, positional loss; kappa2 = 1).

    ``-log exp(kappa f.e_y) / sum_c exp(kappa f.e_c)``, averaged over the M features; 0 when M is 0. Centroids of
    classes not seen yet are in the sum. The loss has a positive floor: at ``f = e_y`` it is
    ``log(1 + (N - 1) exp(-kappa N / (N - 1)))``. Raises ValueError when ``kappa`` is not positive.
    """
    if kappa <= 0:
        raise ValueError(f"kappa must be positive, got {kappa}")
    if features.shape[0] == 0:
        return features.sum()
    return torch.nn.functional.cross_entropy(kappa * features @ centroids.T, classes.long())
