"""Classifiers in closed form on fixed features: ridge regression (RanPAC, ACIL) and Mahalanobis distances (FeCAM).

The ridge is solved at once, or class by class without looking back; a class's features spread in directions of their
own (Goswami et al., NeurIPS 2023).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def random_projection(dim: int, width: int, generator: torch.Generator) -> Float[Tensor, "D M"]:
    """A fixed matrix of independent standard normal numbers, float32."""
    return torch.randn(dim, width, generator=generator)


def random_features(features: Float[Tensor, "n D"], projection: Float[Tensor, "D M"]) -> Float[Tensor, "n M"]:
    """ReLU of the projected features, in float64: products of these are inverted."""
    return (features.double() @ projection.double()).relu()


def one_hot(labels: Int[Tensor, " n"], classes: int) -> Float[Tensor, "n C"]:
    """Targets of the regression, float64."""
    return functional.one_hot(labels, classes).double()


def ridge(gram: Float[Tensor, "M M"], cross: Float[Tensor, "M C"], strength: float) -> Float[Tensor, "M C"]:
    """Weights that minimise the squared error plus ``strength`` (above 0) times their squares.

    From inner products of the features, ``H^T H``, and those of features and targets, ``H^T Y``.
    """
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return torch.linalg.solve(gram + strength * identity, cross)


def add_rows(
    inverse: Float[Tensor, "M M"],
    weights: Float[Tensor, "M C"],
    rows: Float[Tensor, "n M"],
    targets: Float[Tensor, "n C"],
) -> tuple[Float[Tensor, "M M"], Float[Tensor, "M C"]]:
    """Inverse and ridge weights with more rows, from those without them (recursive least squares).

    ``inverse`` is that of ``H^T H`` plus the ridge. The result is what one regression on all rows gives, up to
    rounding.
    """
    product = inverse @ rows.T
    inner = torch.eye(len(rows), dtype=rows.dtype, device=rows.device) + rows @ product
    inverse = inverse - product @ torch.linalg.solve(inner, product.T)
    return inverse, weights + inverse @ rows.T @ (targets - rows @ weights)


def ladder(features: Float[Tensor, "n D"], power: float) -> Float[Tensor, "n D"]:
    """Tukey's transformation, which makes features less skewed; negative ones keep their sign."""
    return features.sign() * features.abs().pow(power)


def shrunk_correlation(features: Float[Tensor, "n D"], diagonal: float, others: float) -> Float[Tensor, "D D"]:
    """Correlation of the features of one class, in float64, with a covariance that few images can be trusted with.

    The mean variance times ``diagonal`` is added to each variance, the mean covariance times ``others`` to each
    covariance. A class may have fewer images than dimensions, down to one.
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
    """Squared Mahalanobis distances of transformed features from transformed class means, all scaled to length one.

    ``precisions`` are the inverses of the classes' correlations.
    """
    offsets = functional.normalize(features, dim=1)[:, None] - functional.normalize(means, dim=1)
    return torch.einsum("ncd,cde,nce->nc", offsets, precisions, offsets)
