"""Class-incremental protocols: in which order classes arrive, and how many at each step."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, pairwise

from meshcil.core.errors import InputError


def legacy_permutation(count: int, seed: int = 1993) -> tuple[int, ...]:
    """One permutation of range(count) from NumPy's legacy generator.

    The class order of PyCIL, MEMO and most published tables: entry k is the class that arrives k-th.
    """
    # Most orders need no numbers, and a plan must not wait for NumPy.
    import numpy as np

    return tuple(np.random.RandomState(seed).permutation(count).tolist())


def order_classes(classes: Sequence[str], order: str | Sequence[str] = "dataset", seed: int = 1993) -> tuple[str, ...]:
    """Class names in order of arrival: ``dataset`` (as given), ``seed`` (`legacy_permutation`), or a list of them.

    Raises InputError for another word, or names that are not exactly the dataset's classes.
    """
    if order == "dataset":
        return tuple(classes)
    if order == "seed":
        return tuple(classes[k] for k in legacy_permutation(len(classes), seed))
    if isinstance(order, str):
        raise InputError("protocol", f"order {order!r} is unknown", "Use dataset, seed or a list of class names")
    if sorted(order) != sorted(classes):
        missing, extra = sorted(set(classes) - set(order)), sorted(set(order) - set(classes))
        twice = sorted(name for name, count in Counter(order).items() if count > 1)
        raise InputError(
            "protocol",
            f"order is not a permutation of the classes (missing {missing}, unknown {extra}, repeated {twice})",
            "Name every class of the dataset once",
        )
    return tuple(order)


def step_sizes(num_classes: int, base: int, increment: int) -> tuple[int, ...]:
    """Sizes of the steps of "Base-x Inc-y": first x classes, then y at a time, a remainder last.

    A ``base`` of 0 means ``increment`` (Base0). Raises InputError when the first step needs more classes than there
    are, or a number is out of range.
    """
    if increment < 1 or base < 0 or num_classes < 1:
        raise InputError(
            "protocol",
            f"base {base}, increment {increment} of {num_classes} classes is not a split",
            "Give base at least 0, increment at least 1",
        )
    first = base or increment
    if first > num_classes:
        raise InputError(
            "protocol",
            f"the first step takes {first} classes, there are {num_classes}",
            f"Set `{'base' if base else 'increment'}` to {num_classes} or less",
        )
    full, rest = divmod(num_classes - first, increment)
    return (first, *[increment] * full, *([rest] if rest else []))


def class_incremental(
    classes: Sequence[str],
    base: int,
    increment: int,
    *,
    order: str | Sequence[str] = "dataset",
    order_seed: int = 1993,
    limit: int | None = None,
) -> tuple[tuple[str, ...], ...]:
    """Classes of each step of "Base-x Inc-y" over a dataset's classes, or over the first ``limit`` of their order.

    See `step_sizes` and `order_classes`. Raises InputError when the split or the order is impossible, or the limit
    exceeds the classes there are.
    """
    ordered = order_classes(classes, order, order_seed)
    if limit is not None and not 1 <= limit <= len(ordered):
        raise InputError("protocol", f"asks for {limit} of {len(ordered)} classes", f"Ask for 1 to {len(ordered)}")
    ordered = ordered[:limit]
    ends = list(accumulate(step_sizes(len(ordered), base, increment), initial=0))
    return tuple(ordered[start:end] for start, end in pairwise(ends))
