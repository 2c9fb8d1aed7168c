"""Herding without replacement on six rows, computed independently."""

import numpy as np
import pytest

from meshcil.memory.selection import select

ROWS = np.array([(1, 0), (0, 1), (3, 4), (4, 3), (-1, 2), (2, 2)], dtype=float)


def test_herding_order_and_distances():
    order = select("herding", 6, features=ROWS)
    assert order == [2, 5, 1, 3, 4, 0]
    unit = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    mean = unit.mean(0)
    assert mean == pytest.approx([0.443316, 0.666922], abs=1e-6)
    distances = [np.linalg.norm(mean - unit[order[:k]].mean(0)) for k in range(1, 7)]
    assert distances == pytest.approx([0.205572, 0.227387, 0.168952, 0.137963, 0.173745, 0], abs=1e-6)


def test_quota_above_the_class_size_keeps_the_whole_class_once():
    assert select("herding", 743, features=ROWS) == [2, 5, 1, 3, 4, 0]
