"""AP50 by the rules of the VOC 2007 development kit: cases by hand, and the rules written out on random boxes."""

import math

import numpy as np
import pandas as pd
import pytest

from meshcil.studies.detection import average_precision

CORNERS = ["x0", "y0", "x1", "y1"]
Row = tuple


def objects(*rows: Row) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", "difficult", *CORNERS])


def detections(*rows: Row) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image", "score", *CORNERS])


# Squares of 100 pixels, one below the other: overlaps are (100 - shift) / (100 + shift).
A, LOWER, B, FAR = ((0, shift, 100, 100 + shift) for shift in (0, 10, 35, 300))
"""LOWER overlaps A by 90 / 110 = 0.82 and B by 75 / 125 = 0.60; A and B each other by 65 / 135 = 0.48."""
HALF = 6 / 11
"""Precision 1 at recalls 0 to 0.5, nothing beyond."""


def test_a_second_detection_of_an_object_is_wrong_even_where_it_shows_another() -> None:
    truth = objects(("1", False, *A), ("1", False, *B))
    assert average_precision(truth, detections(("1", 0.9, *A), ("1", 0.8, *LOWER))) == pytest.approx(HALF)
    # Higher scores choose first: then it is the exact one that comes too late.
    assert average_precision(truth, detections(("1", 0.8, *A), ("1", 0.9, *LOWER))) == pytest.approx(HALF)
    # After the duplicate the other object: precision 2/3 at recalls 0.6 to 1.
    found = detections(("1", 0.9, *A), ("1", 0.8, *LOWER), ("1", 0.7, *B))
    assert average_precision(truth, found) == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_a_detection_below_half_does_not_take_its_object() -> None:
    low = (0, 50, 100, 150)  # 50 / 150 with A
    truth = objects(("1", False, *A))
    assert average_precision(truth, detections(("1", 0.9, *low), ("1", 0.8, *A))) == pytest.approx(1 / 2)
    assert average_precision(truth, detections(("1", 0.9, 0, 0, 100, 50))) == 1.0  # half exactly is enough
    assert average_precision(truth, detections(("1", 0.9, 0, 0, 100, 49))) == 0.0


def test_what_shows_a_difficult_object_most_counts_neither_way() -> None:
    truth = objects(("1", True, *A), ("1", False, *B))
    found = detections(("1", 0.9, *LOWER))  # not even for B, which it overlaps by 0.6
    assert average_precision(truth, found) == 0.0
    many = detections(("1", 0.9, *A), ("1", 0.8, *LOWER), ("1", 0.7, *A), ("1", 0.6, *B))
    assert average_precision(truth, many) == 1.0
    truth = objects(("1", False, *A), ("1", True, *B))
    assert average_precision(truth, found) == 1.0
    assert average_precision(truth, detections(("1", 0.9, *LOWER), ("1", 0.8, *B))) == 1.0


def test_of_equal_scores_and_of_equal_overlaps_the_first_goes_first() -> None:
    truth = objects(("1", False, *A))
    assert average_precision(truth, detections(("1", 0.5, *FAR), ("1", 0.5, *A))) == pytest.approx(1 / 2)
    assert average_precision(truth, detections(("1", 0.5, *A), ("1", 0.5, *FAR))) == 1.0
    twice = detections(("1", 0.9, *A), ("1", 0.8, *A))
    assert average_precision(objects(("1", False, *A), ("1", False, *A)), twice) == pytest.approx(HALF)
    assert average_precision(objects(("1", True, *A), ("1", False, *A)), twice) == 0.0
    assert average_precision(objects(("1", False, *A), ("1", True, *A)), detections(("1", 0.9, *A))) == 1.0


def test_nothing_found_and_nothing_to_find() -> None:
    truth = objects(("1", False, *A))
    assert average_precision(truth, detections()) == 0.0
    assert average_precision(objects(("1", True, *A)), detections(("1", 0.9, *A), ("1", 0.8, *FAR))) == 0.0
    assert average_precision(objects(), detections(("1", 0.9, *A))) == 0.0
    assert average_precision(objects(), detections()) == 0.0


def test_a_detection_is_compared_with_its_own_image_and_wrong_in_one_without_objects() -> None:
    truth = objects(("1", False, *A), ("2", False, *B))
    found = detections(("3", 0.9, *A), ("1", 0.8, *A), ("2", 0.7, *A))
    # Wrong, right, wrong: precision 1/2 up to recall 0.5.
    assert average_precision(truth, found) == pytest.approx(HALF / 2)


def by_the_rules(truth: pd.DataFrame, found: pd.DataFrame) -> float:
    """One detection after the other; as in the kit, pixels are numbered from 1 and both corners belong to a box."""
    taken, right, curve = set[int](), 0, list[tuple[int, float]]()
    boxes = truth[CORNERS].to_numpy() + np.array([1, 1, 0, 0])
    for row in sorted(found.itertuples(), key=lambda row: -row.score):
        box = np.array([row.x0 + 1, row.y0 + 1, row.x1, row.y1])
        most, shown = -math.inf, -1
        for i in np.flatnonzero(truth["image"] == row.image):
            sides = np.minimum(box, boxes[i])[2:] - np.maximum(box, boxes[i])[:2] + 1
            areas = [np.prod(b[2:] - b[:2] + 1) for b in (box, boxes[i])]
            overlap = np.prod(sides) / (sum(areas) - np.prod(sides)) if (sides > 0).all() else -math.inf
            if overlap > most:
                most, shown = overlap, i
        if most >= 0.5 and truth["difficult"][shown]:
            continue
        right += most >= 0.5 and shown not in taken
        taken |= {shown} if most >= 0.5 else set()
        curve.append((right, right / (len(curve) + 1)))
    count = int((~truth["difficult"]).sum())
    return sum(max((p for r, p in curve if 10 * r >= level * count), default=0.0) for level in range(11)) / 11


def drawn(draws: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Objects and detections near them: equal scores, difficult objects, and a fourth image without objects."""
    count = int(draws.integers(1, 13))
    corners = np.tile(draws.integers(0, 8, (count, 2)), 2) + np.array([0, 0, 10, 10])
    truth = pd.DataFrame(corners, columns=CORNERS)
    truth = truth.assign(image=draws.integers(0, 3, count), difficult=draws.random(count) < 0.3)
    shown = draws.integers(0, count, int(draws.integers(40)))
    found = pd.DataFrame(corners[shown] + draws.integers(-4, 5, (len(shown), 4)), columns=CORNERS)
    images = np.where(draws.random(len(shown)) < 0.9, truth["image"].to_numpy()[shown], 3)
    return truth, found.assign(image=images, score=draws.integers(0, 20, len(shown)) / 20)


def test_random_boxes_are_scored_by_the_rules() -> None:
    draws, values = np.random.default_rng(0), set()
    for _ in range(60):
        truth, found = drawn(draws)
        if not truth["difficult"].all():
            precision = average_precision(truth, found)
            values.add(precision)
            assert precision == pytest.approx(by_the_rules(truth, found), abs=1e-12)
    assert len(values) > 30
