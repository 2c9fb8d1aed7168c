"""Intervals of a mean and the verdicts that follow."""

import math
from dataclasses import replace

import numpy as np
import pytest

from meshcil.evaluation.contrast import (
    FAILS,
    HOLDS,
    OPEN,
    SAME,
    UNMEASURED,
    holm,
    interval,
    interval_of,
    pooled_intervals,
)


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


@pytest.mark.parametrize(
    ("values", "bound", "verdict"),
    [
        ([0.1, -0.1, 0.05], None, OPEN),
        ([0.1, -0.1, 0.05], 1.0, SAME),
        ([0.1, -0.1, 0.05], 0.2, OPEN),
        ([0.11, 0.1, 0.12], 1.0, HOLDS),  # small, but there
        ([-5.0, -5.1, -4.9], 1.0, FAILS),
        ([0.0, 0.0], 1.0, OPEN),
    ],
)
def test_an_interval_within_the_bound_says_that_there_is_no_such_difference(
    values: list[float], bound: float | None, verdict: str
) -> None:
    assert replace(interval(values), bound=bound).verdict == verdict


def test_nothing_is_decided_where_both_guess() -> None:
    assert replace(interval([5.0, 5.1, 4.9]), telling=False).verdict == OPEN


def test_the_probability_goes_with_the_interval() -> None:
    # t = 2 / (1 / sqrt(3)) = 3.4641 with 2 degrees of freedom: 0.0742 (tables)
    assert interval([1.0, 2.0, 3.0]).p == pytest.approx(0.0742, abs=1e-4)
    edge = interval_of(4.302653 / math.sqrt(3), 1.0, 3)
    assert edge.low == pytest.approx(0, abs=1e-6) and edge.p == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("variants", "seeds"), [(2, 3), (6, 3), (12, 3), (6, 6)])
def test_pooled_intervals_cover_the_mean_as_often_as_they_say(variants: int, seeds: int) -> None:
    """Differences of a study's variants to the same run, which thus correlate."""
    rng = np.random.default_rng(variants * 10 + seeds)
    means, covered, widths = np.linspace(-2, 2, variants), [], []
    for _ in range(1500):
        runs = rng.normal(0, 1, (variants, seeds)) - rng.normal(0, 1, seeds)
        found = pooled_intervals((means[:, None] + runs).tolist())
        covered += [one.low <= mean <= one.high for one, mean in zip(found, means, strict=True)]
        widths.append(found[0].high - found[0].low)
    assert 0.93 <= np.mean(covered) <= 0.97
    alone = [interval(rng.normal(0, 2**0.5, seeds).tolist()) for _ in range(1500)]
    assert np.mean(widths) < np.mean([one.high - one.low for one in alone])


def test_a_sample_that_spreads_more_than_the_others_keeps_its_own_variance() -> None:
    calm = [[0.0, 0.1, 0.2, 0.1], [1.0, 1.1, 0.9, 1.0], [2.0, 2.1, 2.0, 1.9]]
    wild = [-30.0, 40.0, 10.0, -20.0]
    with_it, without = pooled_intervals([*calm, wild]), pooled_intervals(calm)
    assert with_it[:3] == without
    assert with_it[3] == interval(wild)


def test_samples_that_cannot_be_pooled_are_judged_as_alone() -> None:
    assert pooled_intervals([[1.0, 2.0, 3.0]]) == [interval([1.0, 2.0, 3.0])]
    one, two, _ = pooled_intervals([[1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 4.5]])
    assert one.count == 1 and math.isnan(one.low) and two.low > interval([1.0, 2.0, 3.0]).low


def test_holm_steps_down() -> None:
    # Holm 1979: 0.01 against 0.05/4, 0.013 against 0.05/3, then 0.03 against 0.05/2 fails and ends it.
    assert holm([0.03, 0.01, 0.04, 0.013]) == [False, True, False, True]
    assert holm([]) == [] and holm([0.05]) == [True]
