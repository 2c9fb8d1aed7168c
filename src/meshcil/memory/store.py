"""Exemplars as ids: the images stay in the dataset and go through the normal loading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshcil.core.errors import InputError
from meshcil.memory.selection import thin


@dataclass(frozen=True)
class ExemplarStore:
    """Ids of the exemplars of each class, best first, classes in order of arrival.

    Attributes:
        classes: class name and its exemplar ids; a class may have none.
    """

    classes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All exemplar ids, class by class."""
        return tuple(sample for _, samples in self.classes for sample in samples)

    def __len__(self) -> int:
        return sum(len(samples) for _, samples in self.classes)

    def update(self, ranked: Mapping[str, Sequence[str]], per_class: int) -> "ExemplarStore":
        """The store after a step: earlier classes cut to the quota, new ones added.

        With a quota of ``floor(budget / seen classes)`` the total is within the budget after every step.

        Args:
            ranked: ids of each class that arrived in this step, best first.
            per_class: exemplars of each class, old and new; see `meshcil.memory.budget.Budget.per_class`.

        Raises:
            ValueError: a class is stored already, an id occurs twice, or the quota is negative.
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

    def to_json(self) -> dict[str, list[str]]:
        """Class name -> ids, in order, for a JSON file."""
        return {name: list(samples) for name, samples in self.classes}

    @classmethod
    def from_json(cls, content: object, where: str) -> "ExemplarStore":
        """Read what `to_json` wrote.

        Args:
            content: the parsed file.
            where: the file, for the message.

        Raises:
            InputError: it is not a mapping of class names to lists of ids.
        """
        if not isinstance(content, dict) or not all(
            isinstance(samples, list) and all(isinstance(sample, str) for sample in samples)
            for samples in content.values()
        ):
            raise InputError(where, "is not a mapping of class names to lists of ids", "Run the selection again")
        return cls(tuple((name, tuple(samples)) for name, samples in content.items()))
