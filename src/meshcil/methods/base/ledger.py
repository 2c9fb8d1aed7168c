"""Ledger rows of modules and tensors (MEMO, section 3; mesh models counted alike)."""

from torch import Tensor, nn

from meshcil.memory.ledger import LedgerRow, deployed, extractor, training_only
from meshcil.models.trunks import frozen_tensors


def extractor_rows(name: str, module: nn.Module) -> list[LedgerRow]:
    """Parameters of a feature extractor, which MEMO counts, and its running statistics, which it does not.

    A frozen trunk has a row of its own; what copies of it share is counted once.
    """
    frozen = frozen_tensors(module)
    rows = [extractor(name, sum(p.numel() for p in module.parameters()))]
    if frozen:
        rows.append(extractor(f"{name}, frozen", sum(t.numel() for t in frozen)))
    return [*rows, deployed(f"{name} statistics", tensor_bytes(*module.buffers()) - tensor_bytes(*frozen))]


def training_rows(trained: nn.Module, teacher: nn.Module | None, floats_per_parameter: int) -> list[LedgerRow]:
    """What only training holds: the optimiser's floats per trained parameter and the frozen teacher."""
    parameters = tensor_bytes(*(p for p in trained.parameters() if p.requires_grad))
    rows = [training_only("optimiser state", floats_per_parameter * parameters)]
    if teacher is not None:
        # The teacher shares frozen parts with what it teaches.
        size = tensor_bytes(*teacher.parameters(), *teacher.buffers()) - tensor_bytes(*frozen_tensors(teacher))
        rows.append(training_only("teacher", size))
    return rows


def tensor_bytes(*tensors: Tensor) -> int:
    """Bytes of the tensors' elements."""
    return sum(t.numel() * t.element_size() for t in tensors)
