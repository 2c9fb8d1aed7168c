"""How many classes arrive at each step."""

from meshcil.core.errors import InputError


def step_sizes(num_classes: int, base: int, increment: int) -> tuple[int, ...]:
    """Sizes of the steps of "Base-x Inc-y": first x classes, then y at a time, a remainder last.

    Args:
        num_classes: classes in all, at least 1.
        base: classes of the first step; 0 means ``increment`` (Base0).
        increment: classes of each later step.

    Returns:
        Positive sizes that sum to ``num_classes``.

    Raises:
        InputError: the first step needs more classes than there are, or a number is out of range.
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
