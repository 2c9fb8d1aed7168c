"""Exemplar budgets: their names, and how many exemplars of each class they allow."""

import re
from dataclasses import dataclass
from typing import Literal

from meshcil.core.errors import InputError

_PATTERN = re.compile(r"(total|per-class|bytes|paper-bytes)-([1-9][0-9]*)")


@dataclass(frozen=True)
class Budget:
    """What may be kept of earlier classes."""

    # ``total`` images, images ``per-class``, ``bytes`` carried for model and exemplars together, ``paper-bytes``
    # likewise as MEMO counts them, or ``none``
    kind: Literal["total", "per-class", "bytes", "paper-bytes", "none"]
    amount: int  # of images or bytes; 0 for ``none``

    @property
    def name(self) -> str:
        """The name it is parsed from, e.g. ``total-96``."""
        return self.kind if self.kind == "none" else f"{self.kind}-{self.amount}"

    @property
    def in_bytes(self) -> bool:
        """Whether model and exemplars share it."""
        return self.kind in ("bytes", "paper-bytes")

    @property
    def count(self) -> str:
        """Which bytes of the ledger it limits."""
        return "paper" if self.kind == "paper-bytes" else "carry"

    def per_class(self, seen_classes: int, *, fixed_bytes: int = 0, exemplar_bytes: int = 0) -> int:
        """Exemplars of each class when ``seen_classes`` share the budget equally, rounded down.

        Only budgets in bytes read what is held besides exemplars, ``fixed_bytes``, and the size of one. Raises
        InputError when not even one exemplar per class fits, naming the smallest budget that does, and ValueError when
        ``seen_classes`` is below 1.
        """
        if seen_classes < 1:
            raise ValueError(f"seen_classes must be at least 1, got {seen_classes}")
        if self.kind == "none":
            return 0
        if self.kind == "per-class":
            return self.amount
        images = self.amount
        smallest = f"total-{seen_classes}"
        if self.in_bytes:
            smallest = f"{self.kind}-{fixed_bytes + seen_classes * exemplar_bytes}"
            images = exemplars_for_budget(self.amount, min(fixed_bytes, self.amount), exemplar_bytes)
        if images < seen_classes:
            raise InputError(
                f"budget {self.name}",
                f"does not hold one exemplar for each of {seen_classes} classes",
                f"Use {smallest} or more, or none",
            )
        return images // seen_classes


def parse_budget(name: str) -> Budget:
    """Budget of a name: ``none``, ``total-<images>``, ``per-class-<images>``, ``bytes-<n>`` or ``paper-bytes-<n>``.

    Raises InputError for another name, an amount of 0 or one with leading zeros.
    """
    if name == "none":
        return Budget("none", 0)
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise InputError(
            f"budget {name!r}",
            "is not a budget",
            "Write none, total-<images>, per-class-<images>, bytes-<n> or paper-bytes-<n>, n from 1, e.g. total-96",
        )
    kind, amount = match.groups()
    return Budget(kind, int(amount))  # type: ignore[arg-type]


def exemplars_for_budget(budget_bytes: int, fixed_bytes: int, exemplar_bytes: int) -> int:
    """How many exemplars fit beside the model: ``floor((budget - fixed) / exemplar)`` (MEMO, section 4).

    Rounded once on the total. With MEMO's own counting, ``fixed_bytes`` is 4 bytes for each parameter of the extractors
    kept after the last task, ``exemplar_bytes`` is height * width * 3. Raises InputError when the fixed part alone
    exceeds the budget, and ValueError when ``exemplar_bytes`` is below 1, or an amount is negative.
    """
    if exemplar_bytes < 1:
        raise ValueError(f"exemplar_bytes must be at least 1, got {exemplar_bytes}")
    if budget_bytes < 0 or fixed_bytes < 0:
        raise ValueError(f"budget_bytes and fixed_bytes must be at least 0, got {budget_bytes} and {fixed_bytes}")
    if fixed_bytes > budget_bytes:
        raise InputError(
            f"budget of {budget_bytes} bytes",
            f"is below the {fixed_bytes} bytes held besides exemplars",
            f"Use {fixed_bytes} bytes or more, {fixed_bytes + exemplar_bytes} for one exemplar",
        )
    return (budget_bytes - fixed_bytes) // exemplar_bytes
