"""Forgetting, the area under the memory curve and published averages."""

import numpy as np
import pytest

from meshcil.evaluation import (
    accuracy_per_megabyte,
    area_under_memory_curve,
    average_incremental_accuracy,
    forgetting,
    last_accuracy,
    linear_cka,
)
from meshcil.evaluation.metrics import _hsic_1

MEMO_CURVE = (0.55, 0.69, 0.705, 0.718, 0.722)
# CIFAR-100, 20 sessions of 5 classes at 41.22 MB (MEMO, table 13).
SESSIONS = {
    "replay": (
        "93.80 84.90 79.67 75.55 74.44 74.57 74.14 73.12 71.22 70.96 "
        "70.42 68.63 66.75 66.19 64.63 62.34 61.73 60.24 60.17 58.78"
    ),
    "icarl": (
        "93.80 86.70 80.67 77.15 77.52 76.97 75.03 74.22 72.62 71.90 "
        "70.44 69.12 68.09 67.59 66.39 63.62 63.28 61.98 60.81 59.24"
    ),
    "wa": (
        "93.80 86.10 79.40 74.40 74.36 74.97 73.80 72.18 71.49 71.10 "
        "69.35 68.65 68.00 67.97 67.08 65.20 64.04 62.89 62.14 61.00"
    ),
    "der": (
        "93.80 88.30 80.87 77.30 76.76 74.53 72.86 70.38 68.44 67.78 "
        "66.18 65.13 64.78 64.63 63.19 61.52 59.86 58.73 58.17 57.34"
    ),
    "memo": (
        "93.80 89.80 84.33 79.55 79.16 78.17 76.71 74.38 73.16 71.74 "
        "70.33 69.62 67.68 68.41 67.07 65.41 64.53 63.78 63.07 62.59"
    ),
}
PRINTED = {"replay": 70.61, "icarl": 71.85, "wa": 71.39, "der": 69.52, "memo": 73.16}


@pytest.mark.parametrize(
    ("after_last", "convention", "expected"),
    [(70, "before-last", 22.5), (70, "including-last", 22.5), (95, "before-last", 10.0), (95, "including-last", 12.5)],
)
def test_forgetting(after_last, convention, expected):
    matrix = np.array([[90, np.nan, np.nan], [80, 85, np.nan], [after_last, 60, 88]])
    assert forgetting(matrix, convention) == pytest.approx(expected)


def test_area_under_memory_curve():
    assert area_under_memory_curve((7.6, 12.4, 16.0, 19.8, 23.5), MEMO_CURVE) == pytest.approx(10.8547, abs=1e-4)
    # At the memory actually held; those figures are known to half a hundredth of a MB, the area to about 0.7 of it.
    held = (7.627, 12.41, 16.12, 19.83, 23.54)
    assert area_under_memory_curve(held, MEMO_CURVE) == pytest.approx(10.8628, abs=0.004)


@pytest.mark.parametrize("method", SESSIONS)
def test_published_averages_are_truncated_means(method):
    per_step = [float(number) for number in SESSIONS[method].split()]
    average = average_incremental_accuracy(per_step)
    assert len(per_step) == 20 and np.floor(average * 100) / 100 == PRINTED[method]
    assert last_accuracy(per_step) == per_step[-1]


def test_published_accuracy_per_megabyte():
    assert round(accuracy_per_megabyte(69.98, 23.54), 2) == 2.97
    with pytest.raises(ValueError, match="must be positive"):
        accuracy_per_megabyte(50.0, 0.0)


def test_centred_kernel_alignment():
    a = np.array([[1, 2], [3, 4], [5, 0], [2, 2]], dtype=float)
    b = np.array([[2, 1, 0], [0, 1, 3], [1, 1, 1], [4, 0, 2]], dtype=float)
    assert linear_cka(a, a) == pytest.approx(1) and linear_cka(a, a, unbiased=True) == pytest.approx(1)
    turned = 2 * a @ np.array([[0, -1], [1, 0]]) + 5
    assert linear_cka(a, turned) == pytest.approx(1)
    assert linear_cka(a, b) == pytest.approx(0.2873612, abs=1e-6)
    assert linear_cka(a, b, unbiased=True) == pytest.approx(0.1147079, abs=1e-6)
    terms = [_hsic_1(*pair) for pair in ((a, b), (a, a), (b, b))]
    assert terms == pytest.approx([0.1666667, 0.6666667, 3.1666667], abs=1e-6)
    with pytest.raises(ValueError, match="must differ between images"):
        linear_cka(a, np.ones((4, 1)))
    with pytest.raises(ValueError, match="with n from 2"):
        linear_cka(a, b[:3])


def test_few_images_push_the_biased_alignment_towards_one():
    draws = np.random.default_rng(0).normal(size=(2, 20, 500))
    assert linear_cka(*draws) > 0.9
    assert abs(linear_cka(*draws, unbiased=True)) < 0.2
