import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcil.evaluation import (
    area_under_memory_curve,
    average_incremental_accuracy,
    confusion_matrix,
    forgetting,
    intransigence,
    last_accuracy,
    median_pose_error,
    pose_accuracy,
)

fractions = st.floats(0, 1)


@given(
    st.integers(2, 6).flatmap(lambda n: st.lists(st.lists(fractions, min_size=n, max_size=n), min_size=n, max_size=n))
)
def test_forgetting_conventions(rows):
    table = np.array(rows)
    before, including = forgetting(table), forgetting(table, "including-last")
    assert including >= max(before, 0) - 1e-12
    last = len(rows) - 1
    drops = [max(rows[i][j] for i in range(j, last)) - rows[last][j] for j in range(last)]
    assert before == pytest.approx(sum(drops) / last)
    assert including == pytest.approx(sum(max(drop, 0) for drop in drops) / last)
    blank = np.where(np.tril(np.ones_like(table)) == 1, table, np.nan)
    assert forgetting(blank) == before


def test_intransigence_is_what_joint_training_is_ahead_on_new_classes():
    assert intransigence([0.9, 0.8, 0.7], [0.9, 0.6, 0.8]) == pytest.approx(0.1 / 3)
    with pytest.raises(ValueError, match="one accuracy per step each, got 2 and 1"):
        intransigence([0.9, 0.8], [0.9])


def test_nothing_to_forget_in_one_step():
    assert math.isnan(forgetting([[0.9]]))


@given(st.lists(fractions, min_size=1, max_size=9))
def test_averages(per_step):
    assert average_incremental_accuracy(per_step) == pytest.approx(sum(per_step) / len(per_step))
    assert last_accuracy(per_step) == per_step[-1]


@given(st.lists(fractions, min_size=2, max_size=6), st.floats(1, 100))
def test_area_of_a_constant_curve_and_additivity(values, width):
    megabytes = [width * (i + 1) for i in range(len(values))]
    constant = area_under_memory_curve(megabytes, [0.5] * len(values))
    assert constant == pytest.approx(0.5 * (megabytes[-1] - megabytes[0]))
    pieces = [area_under_memory_curve(megabytes[i : i + 2], values[i : i + 2]) for i in range(len(values) - 1)]
    assert area_under_memory_curve(megabytes, values) == pytest.approx(sum(pieces))


def test_pose_metrics_count_failures_as_half_a_turn():
    errors = [0.1, 0.2, math.nan, math.inf]
    assert pose_accuracy(errors, 0.15) == 0.25
    assert pose_accuracy(errors, math.pi) == 0.5
    assert median_pose_error(errors) == pytest.approx((0.2 + math.pi) / 2)
    assert math.isnan(pose_accuracy([], 0.1)) and math.isnan(median_pose_error([]))


def test_confusion_matrix_counts_by_true_class():
    matrix = confusion_matrix(["a", "a", "b"], ["a", "b", "b"], ["a", "b", "c"])
    assert matrix.to_numpy().tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert list(matrix.index) == list(matrix.columns) == ["a", "b", "c"]
    with pytest.raises(ValueError, match="lacks d"):
        confusion_matrix(["d"], ["a"], ["a"])
    with pytest.raises(ValueError, match="same length"):
        confusion_matrix(["a"], [], ["a"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: average_incremental_accuracy([]), "per_step"),
        (lambda: last_accuracy([]), "per_step"),
        (lambda: forgetting([[1, 2]]), "matrix"),
        (lambda: forgetting([[1]], "after"), "convention"),
        (lambda: area_under_memory_curve([1], [0.5]), "same length from 2"),
        (lambda: area_under_memory_curve([2, 1], [0.5, 0.5]), "increase"),
        (lambda: area_under_memory_curve([1, 2], [55, 60]), "percentages"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
