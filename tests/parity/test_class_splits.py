"""Class order and step sizes of the public CIL benchmarks."""

import numpy as np
import pytest

from meshcil.protocols import legacy_permutation, step_sizes


def test_order_of_seed_1993():
    order = legacy_permutation(100)
    first = (68, 56, 78, 8, 23, 84, 90, 65, 74, 76, 40, 89, 3, 92, 55, 9, 26, 80, 43, 38)
    assert order[:20] == first
    assert order[-5:] == (67, 29, 49, 57, 33)
    assert sorted(order) == list(range(100))


def test_shuffling_a_list_gives_the_same_order():
    numbers = np.arange(100)
    np.random.RandomState(1993).shuffle(numbers)
    assert tuple(numbers.tolist()) == legacy_permutation(100)


@pytest.mark.parametrize(
    ("base", "increment", "steps"),
    [(0, 5, 20), (0, 10, 10), (50, 5, 11), (50, 10, 6), (50, 25, 3), (50, 2, 26), (40, 1, 61)],
)
def test_number_of_steps_of_100_classes(base, increment, steps):
    assert len(step_sizes(100, base, increment)) == steps


def test_remainders():
    assert step_sizes(100, 20, 30) == (20, 30, 30, 20)
    assert step_sizes(100, 12, 10) == (12, *[10] * 8, 8)
    assert len(step_sizes(100, 12, 10)) == 10
