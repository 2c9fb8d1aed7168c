"""Intervals of a mean and the verdicts that follow."""

import math

import numpy as np
import pytest

from meshcil.evaluation.contrast import FAILS, HOLDS, OPEN, UNMEASURED, interval


def test_the_interval_is_students() -> None:
    # mean 2, standard deviation 1, t(0.975, 2) = 4.302653 (tables)
    found = interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0 and found.count == 3
    assert found.high - 2.0 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert 2.0 - found.low == pytest.approx(found.high - 2.0)


def test_it_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = [
        found.low <= 1.0 <= found.high for found in (interval(rng.normal(1, 2, 4).tolist(), 0.9) for _ in range(2000))
    ]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([], UNMEASURED),
        ([5.0], OPEN),
        ([5.0, 5.1], OPEN),
        ([5.0, 5.1, 4.9], HOLDS),
        ([-5.0, -5.1, -4.9], FAILS),
        ([1.0, -1.0, 0.5], OPEN),
        ([0.0, 0.0, 0.0], OPEN),
        ([2.0, 2.0, 2.0], HOLDS),
    ],
)
def test_verdicts(values: list[float], verdict: str) -> None:
    assert interval(values).verdict == verdict


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        interval([1.0, float("nan")])
    with pytest.raises(ValueError, match="confidence"):
        interval([1.0], confidence=1.0)
