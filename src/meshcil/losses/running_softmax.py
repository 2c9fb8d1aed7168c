"""Softmax statistics over a bank too large for one matrix of logits."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# Logits of one block. On a CPU they should stay in the last-level cache; on a GPU few large products pay.
_CPU_BLOCK_BYTES = 8 * 2**20
_GPU_BLOCK_BYTES = 256 * 2**20


class Block(NamedTuple):
    """Some columns of the logit matrix."""

    keys: Float[Tensor, "K D"]  # ``[K, D]`` vectors the queries are compared with
    log_weight: float = 0.0  # added to every logit of the block
    # row and column indices of single logits to ignore, or None
    left_out: tuple[Int[Tensor, " P"], Int[Tensor, " P"]] | None = None


def row_blocks(
    queries: Float[Tensor, "M D"], bank: Float[Tensor, "C V D"], block_bytes: int | None
) -> Iterator[tuple[slice, int]]:
    """Rows, at least one, whose logits against one class fit ``block_bytes``, and of how many classes they fit.

    Without ``block_bytes`` a default for the device holds.
    """
    limit = block_bytes or (_CPU_BLOCK_BYTES if queries.device.type == "cpu" else _GPU_BLOCK_BYTES)
    row_bytes = max(1, bank.shape[1] * queries.element_size())
    step = max(1, limit // row_bytes)
    for start in range(0, len(queries), step):
        rows = slice(start, min(start + step, len(queries)))
        yield rows, max(1, limit // (row_bytes * (rows.stop - start)))


def bank_blocks(
    bank: Float[Tensor, "C V D"], valid: Bool[Tensor, "C V"], classes: int
) -> Iterator[tuple[int, int, Block]]:
    """Cut a vertex bank into blocks of ``classes`` classes, padded rows dropped: first class, last + 1, and block."""
    for start in range(0, bank.shape[0], classes):
        stop = min(start + classes, bank.shape[0])
        keys, kept = bank[start:stop].flatten(0, 1), valid[start:stop].flatten()
        yield start, stop, Block(keys if bool(kept.all()) else keys.index_select(0, kept.nonzero()[:, 0]))


def running_softmax(
    queries: Float[Tensor, "M D"], blocks: Iterable[Block], *, with_mean: bool
) -> tuple[Float[Tensor, " M"], Float[Tensor, "M D"] | None]:
    """Log-sum-exp of all logits of each query, and the softmax-weighted mean of the keys (None without ``with_mean``).

    The logits of a block are ``queries @ keys.T + log_weight``, temperature already applied. Blocks are visited once;
    the running maximum rescales what was summed before, so nothing overflows and no block is kept. The first block that
    holds any keys must leave at least one logit of each query. The mean is what the gradient of the log-sum-exp with
    respect to the query is, so a loss built on it needs no second pass over the bank.
    """
    rows = queries.shape[0]
    peak = queries.new_full((rows, 1), -torch.inf)
    total = queries.new_zeros((rows, 1))
    mean = torch.zeros_like(queries) if with_mean else None
    buffer = queries.new_empty(0)
    for keys, log_weight, left_out in blocks:
        if keys.shape[0] == 0:
            continue
        if buffer.numel() < rows * keys.shape[0]:
            buffer = queries.new_empty(rows * keys.shape[0])
        logits = torch.mm(queries, keys.T, out=buffer[: rows * keys.shape[0]].view(rows, -1))
        if log_weight:
            logits += log_weight
        if left_out is not None:
            logits[left_out] = -torch.inf
        higher = torch.maximum(peak, logits.amax(1, keepdim=True))
        shrink = torch.exp(peak - higher)
        weights = logits.sub_(higher).exp_()
        total = total * shrink + weights.sum(1, keepdim=True)
        if mean is not None:
            mean.mul_(shrink).addmm_(weights, keys)
        peak = higher
    if mean is not None:
        mean /= total
    return (peak + total.log())[:, 0], mean
