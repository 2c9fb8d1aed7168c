"""Exemplars as ids: the images stay in the dataset and go through the normal loading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshcil.memory.selection import thin


@dataclass(frozen=True)
class ExemplarStore:
    """Ids of the exemplars of each class, best first, classes in order of arrival."""

    classes: tuple[tuple[str, tuple[str, ...]], ...] = ()  # class name and its exemplar ids; a class may have none

    @classmethod
    def of(cls, exemplars: Mapping[str, Sequence[str]]) -> "ExemplarStore":
        """The store with these ids of each class, classes in order of arrival."""
        return cls(tuple((name, tuple(samples)) for name, samples in exemplars.items()))

    @property
    def ids(self) -> tuple[str, ...]:
        """All exemplar ids, class by class."""
        return tuple(sample for _, samples in self.classes for sample in samples)

    def __len__(self) -> int:
        return sum(len(samples) for _, samples in self.classes)

    def update(self, ranked: Mapping[str, Sequence[str]], per_class: int) -> "ExemplarStore":
        """The store after a step: earlier classes cut to the quota, new ones, best first, added.

        With a quota of ``floor(budget / seen classes)`` the total is within the budget after every step. Raises
        ValueError when a class is stored already, an id occurs twice, or the quota is negative.
        """
        known = {name for name, _ in self.classes}
        again = sorted(known & ranked.keys())
        if again:
            raise ValueError(f"ranked must hold new classes only, {', '.join(again)} are stored already")
        joined = (*self.classes, *ranked.items())
        store = ExemplarStore(tuple((name, tuple(thin(samples, per_class))) for name, samples in joined))
        if len(set(store.ids)) != len(store):
            raise ValueError("ranked must not hold an id twice")
        return store
