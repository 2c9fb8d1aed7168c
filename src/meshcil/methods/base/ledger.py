"""Ledger rows of modules and tensors (MEMO, section 3; mesh models counted alike)."""

from torch import Tensor, nn

from meshcil.memory.ledger import LedgerRow, deployed, extractor, training_only


def extractor_rows(name: str, module: nn.Module) -> list[LedgerRow]:
    """Parameters of a feature extractor, which MEMO counts, and its running statistics, which it does not."""
    parameters = sum(p.numel() for p in module.parameters())
    return [extractor(name, parameters), deployed(f"{name} statistics", tensor_bytes(*module.buffers()))]


def training_rows(trained: nn.Module, teacher: nn.Module | None, floats_per_parameter: int) -> list[LedgerRow]:
    """What only training holds: the optimiser's floats per trained parameter and the frozen teacher."""
    parameters = tensor_bytes(*(p for p in trained.parameters() if p.requires_grad))
    rows = [training_only("optimiser state", floats_per_parameter * parameters)]
    if teacher is not None:
        rows.append(training_only("teacher", tensor_bytes(*teacher.parameters(), *teacher.buffers())))
    return rows


def tensor_bytes(*tensors: Tensor) -> int:
    """Bytes of the tensors' elements."""
    return sum(t.numel() * t.element_size() for t in tensors)
