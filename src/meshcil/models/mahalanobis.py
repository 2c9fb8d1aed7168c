"""Distances to classes whose features spread in directions of their own (FeCAM, Goswami et al., NeurIPS 2023)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def ladder(features: Float[Tensor, "n D"], power: float) -> Float[Tensor, "n D"]:
    """Tukey's transformation, which makes features less skewed; negative ones keep their sign."""
    return features.sign() * features.abs().pow(power)


def shrunk_correlation(features: Float[Tensor, "n D"], diagonal: float, others: float) -> Float[Tensor, "D D"]:
    """Correlation of the features of one class, in float64, with a covariance that few images can be trusted with.

    Args:
        features: of the class's images, transformed; a class may have fewer images than dimensions, down to one.
        diagonal: the mean variance, times this, is added to each variance.
        others: the mean covariance, times this, is added to each covariance.
    """
    centred = features.double() - features.double().mean(dim=0)
    covariance = centred.T @ centred / max(len(features) - 1, 1)
    size = len(covariance)
    identity = torch.eye(size, dtype=torch.float64, device=features.device)
    variance = covariance.diagonal().mean()
    common = (covariance.sum() - covariance.diagonal().sum()) / max(size * (size - 1), 1)
    covariance = covariance + diagonal * variance * identity + others * common * (1 - identity)
    deviation = covariance.diagonal().sqrt()
    # One image, or several that are the same, have no spread: every direction then counts alike.
    scale = torch.where(deviation > 0, 1 / deviation, 0.0)
    return scale[:, None] * covariance * scale + torch.diag((deviation == 0).double())


def squared_distances(
    features: Float[Tensor, "n D"], means: Float[Tensor, "C D"], precisions: Float[Tensor, "C D D"]
) -> Float[Tensor, "n C"]:
    """Squared Mahalanobis distances of features from class means, all scaled to length one.

    Args:
        features: transformed.
        means: transformed.
        precisions: inverse of each class's correlation.
    """
    offsets = functional.normalize(features, dim=1)[:, None] - functional.normalize(means, dim=1)
    return torch.einsum("ncd,cde,nce->nc", offsets, precisions, offsets)
