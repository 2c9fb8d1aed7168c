"""Distillation of the vertex-assignment distribution."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from meshcil.losses.running_softmax import bank_blocks, row_blocks, running_softmax


def vertex_distillation(
    features: Float[Tensor, "M D"],
    teacher: Float[Tensor, "M D"],
    bank: Float[Tensor, "C V D"],
    valid: Bool[Tensor, "C V"],
    *,
    kappa: float,
    block_bytes: int | None = None,
) -> Float[Tensor, ""]:
    """Keep the softmax over bank entries near that of the frozen earlier network (iNeMo, distillation loss).

    Mean over the M features of ``KL(softmax(kappa g.theta) || softmax(kappa f.theta))`` in nats, 0 when M is 0, with f
    the unit feature, g the teacher's at the same cell (kappa3 = 0.5; no kappa^2 re-scaling). ``valid`` marks the
    non-padded vertices of the classes to distil over. With a the softmax-weighted mean of the entries under the
    teacher, KL equals ``kappa (g - f).a + lse(kappa f.theta) - lse(kappa g.theta)``, so the logits are visited in
    blocks of at most ``block_bytes`` (None: what suits the device) and never stored. Raises ValueError when ``kappa``
    is not positive, or no bank entry is valid.
    """
    if kappa <= 0:
        raise ValueError(f"kappa must be positive, got {kappa}")
    if not bool(valid.any()):
        raise ValueError("valid must mark at least one bank entry")
    if features.shape[0] == 0:
        return features.sum()
    with torch.autocast(features.device.type, enabled=False):
        loss: Tensor = _VertexDistillation.apply(
            features.to(bank.dtype), teacher.detach().to(bank.dtype), bank.detach(), valid, kappa, block_bytes
        )
    return loss


class _VertexDistillation(torch.autograd.Function):
    """Mean divergence; the gradient kappa (mean entry of student - of teacher) comes from the same pass."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx, features: Tensor, teacher: Tensor, bank: Tensor, valid: Tensor, kappa: float, block_bytes: int | None
    ) -> Tensor:
        divergence = features.new_empty(len(features))
        gradient = torch.empty_like(features) if ctx.needs_input_grad[0] else None
        for rows, step in row_blocks(features, bank, block_bytes):
            new, old = features[rows], teacher[rows]
            old_lse, old_mean = _statistics(old * kappa, bank, valid, step, with_mean=True)
            new_lse, new_mean = _statistics(new * kappa, bank, valid, step, with_mean=gradient is not None)
            divergence[rows] = kappa * ((old - new) * old_mean).sum(1) + new_lse - old_lse
            if gradient is not None:
                gradient[rows] = new_mean - old_mean
        if gradient is not None:
            ctx.save_for_backward(gradient.mul_(kappa / len(features)))
        return divergence.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (gradient,) = ctx.saved_tensors
        return grad * gradient, *(None,) * 5


def _statistics(
    queries: Float[Tensor, "M D"],
    bank: Float[Tensor, "C V D"],
    valid: Bool[Tensor, "C V"],
    step: int,
    *,
    with_mean: bool,
) -> tuple[Float[Tensor, " M"], Float[Tensor, "M D"] | None]:
    blocks = (block for _, _, block in bank_blocks(bank, valid, step))
    return running_softmax(queries, blocks, with_mean=with_mean)
