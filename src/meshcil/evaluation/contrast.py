"""Whether a difference is above zero, given its values over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # scipy.stats would take a second to import

HOLDS, FAILS, OPEN, UNMEASURED = "holds", "does not hold", "not decided", "not measured"
LEAST = 3
"""Seeds below which nothing is decided."""


@dataclass(frozen=True)
class Interval:
    """Mean of a quantity over seeds and its confidence interval.

    Attributes:
        mean: NaN without any value.
        low: lower end; NaN with fewer than two values.
        high: upper end; likewise.
        count: number of values.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def verdict(self) -> str:
        """`holds` above zero, `does not hold` below, `not decided` when the interval contains zero or seeds are few."""
        if self.count == 0:
            return UNMEASURED
        if self.count < LEAST or self.low <= 0 <= self.high:
            return OPEN
        return HOLDS if self.low > 0 else FAILS


def interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean.

    Args:
        values: one per seed. Differences between runs of the same seed make the test a paired one.
        confidence: probability that the interval covers the mean, in (0, 1).

    Returns:
        The interval; of no width when all values are equal.

    Raises:
        ValueError: values that are not finite, a confidence outside the range.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise ValueError("values must be finite")
    count = len(numbers)
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    deviation = float(numbers.std(ddof=1)) if count > 1 else float("nan")
    return interval_of(float(numbers.mean()), deviation, count, confidence)


def interval_of(mean: float, deviation: float, count: int, confidence: float = 0.95) -> Interval:
    """`interval` of values of which only the mean, the sample standard deviation and the number are known.

    Raises:
        ValueError: a confidence outside the range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), but it is {confidence}")
    if count < 2:
        return Interval(mean, float("nan"), float("nan"), count)
    half = float(stdtrit(count - 1, (1 + confidence) / 2) * deviation / np.sqrt(count))
    return Interval(mean, mean - half, mean + half, count)
