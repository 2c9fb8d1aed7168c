"""A class-incremental protocol: disjoint groups of classes, one group per step."""

from collections.abc import Sequence
from dataclasses import dataclass

from meshcil.core.errors import InputError
from meshcil.protocols.class_order import order_classes
from meshcil.protocols.splits import step_sizes


@dataclass(frozen=True)
class Protocol:
    """Steps in order; their classes are disjoint.

    Attributes:
        groups: class names of each step.
    """

    groups: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.groups or not all(self.groups):
            raise ValueError("groups must hold at least one class per step")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("groups must be disjoint")

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes in order of arrival; a class's label is its position."""
        return tuple(name for group in self.groups for name in group)


def class_incremental(
    classes: Sequence[str],
    base: int,
    increment: int,
    *,
    order: str | Sequence[str] = "dataset",
    order_seed: int = 1993,
    limit: int | None = None,
) -> Protocol:
    """Protocol "Base-x Inc-y" over a dataset's classes.

    Args:
        classes: names in the dataset's order.
        base: classes of the first step; 0 means ``increment``.
        increment: classes of each later step; a remainder makes a last, smaller step.
        order: ``dataset``, ``seed`` or the class names in order of arrival.
        order_seed: seed of the order ``seed``.
        limit: use only the first so many classes of the order.

    Raises:
        InputError: the split or the order is impossible, or the limit exceeds the classes there are.
    """
    ordered = order_classes(classes, order, order_seed)
    if limit is not None and not 1 <= limit <= len(ordered):
        raise InputError("protocol", f"asks for {limit} of {len(ordered)} classes", f"Ask for 1 to {len(ordered)}")
    ordered = ordered[:limit]
    groups, start = [], 0
    for size in step_sizes(len(ordered), base, increment):
        groups.append(ordered[start : start + size])
        start += size
    return Protocol(tuple(groups))
