"""Whether a difference is above zero, given its values over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc, stdtr, stdtrit  # scipy.stats would take a second to import

HOLDS, FAILS, SAME, OPEN, UNMEASURED = "holds", "does not hold", "no difference", "not decided", "not measured"
LEAST = 3
"""Seeds below which nothing is decided."""
_UNEQUAL = 0.01
"""Level of the test that keeps a sample out of a pool for its variance."""


@dataclass(frozen=True)
class Interval:
    """Mean of a quantity over seeds and its confidence interval.

    Attributes:
        mean: NaN without any value.
        low: lower end; NaN with fewer than two values.
        high: upper end; NaN with fewer than two values.
        count: number of values.
        p: probability of a mean as far from zero if the true one were zero; NaN with fewer than two values.
        bound: size below which a difference does not matter, as stated in advance; None where none was stated.
        telling: False where what is compared is no better than guessing.
    """

    mean: float
    low: float
    high: float
    count: int
    p: float = float("nan")
    bound: float | None = None
    telling: bool = True

    @property
    def verdict(self) -> str:
        """`holds` above zero, `does not hold` below, `no difference` within the bound; else `not decided`."""
        if self.count == 0:
            return UNMEASURED
        if self.count < LEAST or not self.telling:
            return OPEN
        if self.low <= 0 <= self.high:
            within = self.bound is not None and -self.bound < self.low and self.high < self.bound
            return SAME if within else OPEN
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


def interval_of(
    mean: float, deviation: float, count: int, confidence: float = 0.95, freedom: float | None = None
) -> Interval:
    """`interval` of values of which only the mean, the sample standard deviation and the number are known.

    Args:
        mean: of the values.
        deviation: their sample standard deviation.
        count: their number.
        confidence: as in `interval`.
        freedom: degrees of freedom of the deviation; ``count - 1`` when absent.

    Raises:
        ValueError: a confidence outside the range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), but it is {confidence}")
    freedom = count - 1 if freedom is None else freedom
    if count < 2:
        return Interval(mean, float("nan"), float("nan"), count)
    error = deviation / np.sqrt(count)
    half = float(stdtrit(freedom, (1 + confidence) / 2) * error)
    p = float(2 * stdtr(freedom, -abs(mean) / error)) if error > 0 else float(mean == 0)
    return Interval(mean, mean - half, mean + half, count, p)


def pooled_intervals(samples: Sequence[Sequence[float]], confidence: float = 0.95) -> list[Interval]:
    """`interval` of each sample, where they may be taken to have one variance, as the variants of a study have.

    The variance is the mean of theirs, weighted by degrees of freedom. Samples of a study are differences to the same
    run, and as such correlate by 1/2, their variances by 1/4; so the degrees of freedom of the mean of k variances are
    k / (1 + (k - 1) / 4) times those of one. A sample whose variance exceeds that of the others (F test, 1 %) keeps its
    own and is left out of the pool.

    Args:
        samples: of values over seeds.
        confidence: as in `interval`.
    """
    freedoms = np.array([max(len(sample) - 1, 0) for sample in samples], dtype=np.float64)
    variances = np.array([np.var(sample, ddof=1) if len(sample) > 1 else 0.0 for sample in samples])
    squares, found = freedoms * variances, []
    others = [(squares.sum() - s, freedoms.sum() - f) for s, f in zip(squares, freedoms, strict=True)]
    apart = np.array([_exceeds(*now) for now in zip(variances, freedoms, others, strict=True)], dtype=bool)
    inside = (freedoms > 0) & ~apart
    for sample, alone in zip(samples, apart, strict=True):
        own = interval(sample, confidence)
        if alone or len(sample) < 2 or inside.sum() < 2:
            found.append(own)
            continue
        variance = float(squares[inside].sum() / freedoms[inside].sum())
        freedom = float(freedoms[inside].sum() / (1 + (inside.sum() - 1) / 4))
        found.append(interval_of(own.mean, variance**0.5, own.count, confidence, freedom))
    return found


def _exceeds(variance: float, freedom: float, others: tuple[float, float]) -> bool:
    squares, rest = others
    if not (freedom and rest and squares):
        return False
    return bool(fdtrc(freedom, rest, variance / (squares / rest)) < _UNEQUAL)


def holm(p: Sequence[float], level: float = 0.05) -> list[bool]:
    """Which hypotheses Holm's procedure rejects, so that no true one is with probability 1 - ``level``.

    Args:
        p: values of the tests, none NaN.
        level: of the whole family.
    """
    rejected = [False] * len(p)
    for place, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        if p[index] > level / (len(p) - place):
            break
        rejected[index] = True
    return rejected
