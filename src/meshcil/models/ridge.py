"""Ridge regression on random features: all at once, and class by class without looking back."""

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
    """Weights that minimise the squared error plus ``strength`` times their squares.

    Args:
        gram: inner products of the features, ``H^T H``.
        cross: those of features and targets, ``H^T Y``.
        strength: above 0.
    """
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    return torch.linalg.solve(gram + strength * identity, cross)


def add_rows(
    inverse: Float[Tensor, "M M"],
    weights: Float[Tensor, "M C"],
    rows: Float[Tensor, "n M"],
    targets: Float[Tensor, "n C"],
) -> tuple[Float[Tensor, "M M"], Float[Tensor, "M C"]]:
    """The ridge solution with more rows, from the solution without them (recursive least squares).

    Args:
        inverse: of ``H^T H`` plus the ridge, over the rows so far.
        weights: solution over the rows so far.
        rows: further features.
        targets: of these.

    Returns:
        Inverse and weights over all rows: what one regression on all of them gives, up to rounding.
    """
    product = inverse @ rows.T
    inner = torch.eye(len(rows), dtype=rows.dtype, device=rows.device) + rows @ product
    inverse = inverse - product @ torch.linalg.solve(inner, product.T)
    return inverse, weights + inverse @ rows.T @ (targets - rows @ weights)
