"""In which order classes arrive."""

from collections import Counter
from collections.abc import Sequence

from meshcil.core.errors import InputError


def legacy_permutation(count: int, seed: int = 1993) -> tuple[int, ...]:
    """One permutation of range(count) from NumPy's legacy generator.

    The class order of PyCIL, MEMO and most published tables: entry k is the class that arrives k-th.
    """
    # Most orders need no numbers, and a plan must not wait for NumPy.
    import numpy as np

    return tuple(np.random.RandomState(seed).permutation(count).tolist())


def order_classes(classes: Sequence[str], order: str | Sequence[str] = "dataset", seed: int = 1993) -> tuple[str, ...]:
    """Class names in order of arrival.

    Args:
        classes: names in the dataset's order, without duplicates.
        order: ``dataset`` (as given), ``seed`` (`legacy_permutation`), or the names themselves.
        seed: read by ``seed``.

    Raises:
        InputError: another word, or names that are not exactly the dataset's classes.
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
