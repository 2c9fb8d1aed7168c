"""Neighbourhood component analysis with a margin: the classification loss of PODNet and AFC."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def margin_nca(
    similarities: Float[Tensor, "B C"],
    labels: Int[Tensor, " B"],
    *,
    scale: Float[Tensor, ""],
    margin: float,
    published_code: bool = False,
) -> Float[Tensor, ""]:
    """``max(0, -scale (s_y - margin) + log sum_{j != y} exp(scale s_j))`` (PODNet, eq. 6), batch mean.

    0 when there is one class only. The public code computes something else (``published_code``), on which the published
    figures rest: the margin is taken from every score and so cancels, and the true class is set to zero instead of
    removed, which adds 1 to the sum: ``-(s_y - m) + log(1 + sum_{j != y} exp(s_j - m))`` with m the largest scaled
    score. As the true class is set to zero after m is taken off, m does not cancel: it belongs to the loss, and gets a
    gradient.
    """
    if similarities.shape[1] == 1:
        return 0 * similarities.sum()
    true = functional.one_hot(labels, similarities.shape[1]).bool()
    scores = scale * similarities
    if published_code:
        shifted = scores - scores.max(dim=1, keepdim=True).values
        others = torch.where(true, 0.0, shifted)
        return (others.logsumexp(dim=1) - shifted[true]).mean()
    others = scores.masked_fill(true, -torch.inf).logsumexp(dim=1)
    return (others - (scores[true] - scale * margin)).clamp(min=0).mean()
