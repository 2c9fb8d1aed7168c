"""A class-incremental protocol: disjoint groups of classes, one group per step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from meshcil.core.errors import InputError
from meshcil.protocols.class_order import order_classes
from meshcil.protocols.splits import step_sizes


@dataclass(frozen=True)
class Step:
    """One step of the stream.

    Attributes:
        index: from 0.
        classes: names of the classes that arrive, in order.
        seen: names of all classes up to and including this step; a class's label is its position.
    """

    index: int
    classes: tuple[str, ...]
    seen: tuple[str, ...]

    @property
    def earlier(self) -> tuple[str, ...]:
        """Classes of the steps before this one."""
        return self.seen[: len(self.seen) - len(self.classes)]


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

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps, first to last."""
        ends = [sum(map(len, self.groups[: k + 1])) for k in range(len(self.groups))]
        return tuple(Step(k, group, self.classes[: ends[k]]) for k, group in enumerate(self.groups))

    def stream(self, sample_classes: Sequence[str]) -> Iterator[tuple[Step, list[int]]]:
        """Each step with the positions of its samples; samples of other classes never appear.

        Args:
            sample_classes: class name of every sample of the dataset.

        Raises:
            InputError: a class has no sample.
        """
        places: dict[str, list[int]] = {name: [] for name in self.classes}
        for position, name in enumerate(sample_classes):
            if name in places:
                places[name].append(position)
        empty = [name for name, found in places.items() if not found]
        if empty:
            raise InputError("dataset", f"has no image of {', '.join(empty)}", "Add images or leave the classes out")
        for step in self.steps:
            yield step, sorted(position for name in step.classes for position in places[name])


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
