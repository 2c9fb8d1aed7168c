"""A cache bounded by bytes, where values differ so much in size that a count bounds nothing."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ByteCache(Generic[V]):
    """Values by key; the least recently used go first when all together would exceed a bound.

    Attributes:
        max_bytes: the bound. A value that alone exceeds it is not kept.
        held_bytes: what is kept now.
    """

    def __init__(self, max_bytes: int, size: Callable[[V], int]) -> None:
        """Start empty.

        Args:
            max_bytes: the bound.
            size: bytes of a value.
        """
        self.max_bytes = max_bytes
        self.held_bytes = 0
        self._size = size
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of a key, made if it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = make()
        size = self._size(value)
        if size <= self.max_bytes:
            while self.held_bytes + size > self.max_bytes:
                _, oldest = self._values.popitem(last=False)
                self.held_bytes -= self._size(oldest)
            self._values[key] = value
            self.held_bytes += size
        return value
