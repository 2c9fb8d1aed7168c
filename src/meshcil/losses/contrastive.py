"""The vertex-wise contrastive loss of neural mesh models, in blocks over features and classes."""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from meshcil.losses.running_softmax import Block, bank_blocks, row_blocks, running_softmax


def vertex_contrastive(
    features: Float[Tensor, "M D"],
    target: Int[Tensor, " M"],
    bank: Float[Tensor, "C V D"],
    valid: Bool[Tensor, "C V"],
    background: Float[Tensor, "G D"] | None,
    *,
    kappa: float,
    background_weight: float,
    excluded: Bool[Tensor, "M V"] | None = None,
    block_bytes: int | None = None,
) -> Float[Tensor, ""]:
    """Pull each vertex feature to its own bank entry and away from all others.

    For a unit feature f with target t the loss is (iNeMo, eq. 8, kappa = 1 / 0.07; background as in NeMo, w = 5e-3)::

        -log  exp(kappa f.t) / [ sum_v exp(kappa f.theta_v) + w sum_b exp(kappa f.beta_b) ]

    averaged over the M features; 0 when M is 0. Targets are ``class * V + vertex``. The sum over v runs over every
    valid bank entry (classes not seen yet included when the caller leaves them valid: iNeMo's unused partitions),
    except the vertices of the target's own class marked in ``excluded`` (those projecting near it); the target itself
    always counts.

    The M x (C V + G) logits are never held at once: blocks of at most ``block_bytes`` (None: what suits the device) are
    visited with a running log-sum-exp. ``bank`` and ``background`` are constants (they are updated by momentum, not by
    gradient), hence the gradient is a softmax-weighted mean of bank entries, which the same pass accumulates; backward
    only scales it. Raises ValueError when a target is padded or outside the bank, or a weight is negative.
    """
    _check(target, valid, kappa, background_weight)
    if features.shape[0] == 0:
        return features.sum()
    with torch.autocast(features.device.type, enabled=False):
        loss: Tensor = _VertexContrastive.apply(
            features.to(bank.dtype),
            target,
            bank.detach(),
            valid,
            background.detach() if background is not None and background_weight > 0 else None,
            kappa,
            background_weight,
            excluded,
            block_bytes,
        )
    return loss


def _check(target: Tensor, valid: Tensor, kappa: float, background_weight: float) -> None:
    if kappa <= 0:
        raise ValueError(f"kappa must be positive, got {kappa}")
    if background_weight < 0:
        raise ValueError(f"background_weight must be at least 0, got {background_weight}")
    if bool(((target < 0) | (target >= valid.numel())).any()):
        raise ValueError(f"target must be class * V + vertex in [0, {valid.numel()})")
    if not bool(valid.flatten()[target].all()):
        raise ValueError("target must be a valid (non-padded) bank entry everywhere")


class _VertexContrastive(torch.autograd.Function):
    """Mean loss; its gradient is computed in the same pass over the bank."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx,
        features: Tensor,
        target: Tensor,
        bank: Tensor,
        valid: Tensor,
        background: Tensor | None,
        kappa: float,
        background_weight: float,
        excluded: Tensor | None,
        block_bytes: int | None,
    ) -> Tensor:
        positive = bank.flatten(0, 1)[target]
        lse = features.new_empty(len(features))
        gradient = torch.empty_like(features) if ctx.needs_input_grad[0] else None
        for rows, step in row_blocks(features, bank, block_bytes):
            left_out = None if excluded is None else excluded[rows]
            blocks = _denominator(target[rows], bank, valid, background, background_weight, left_out, step)
            lse[rows], mean = running_softmax(features[rows] * kappa, blocks, with_mean=gradient is not None)
            if gradient is not None:
                gradient[rows] = mean
        if gradient is not None:
            ctx.save_for_backward(gradient.sub_(positive).mul_(kappa / len(features)))
        return (lse - kappa * (features * positive).sum(1)).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (gradient,) = ctx.saved_tensors
        return grad * gradient, *(None,) * 8


def _denominator(
    target: Tensor,
    bank: Tensor,
    valid: Tensor,
    background: Tensor | None,
    background_weight: float,
    excluded: Tensor | None,
    step: int,
) -> Iterator[Block]:
    """Blocks of the denominator: classes first, then the background in blocks of the same width."""
    vertices = bank.shape[1]
    label = target // vertices
    if excluded is not None:
        excluded = (excluded & valid[label]).scatter_(1, (target % vertices)[:, None], False)
    for start, stop, block in bank_blocks(bank, valid, step):
        if excluded is not None:
            column = valid[start:stop].flatten().cumsum(0) - 1
            row = ((label >= start) & (label < stop)).nonzero()[:, 0]
            member, vertex = excluded[row].nonzero(as_tuple=True)
            row = row[member]
            block = block._replace(left_out=(row, column[(label[row] - start) * vertices + vertex]))
        yield block
    if background is not None:
        for part in background.split(step * vertices):
            yield Block(part, math.log(background_weight))
