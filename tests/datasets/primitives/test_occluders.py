import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshcil.datasets.primitives.occluders import CONTEXT_RANGE, MARGIN, OBJECT_RANGE, hidden_share, occlude


def disc(height, width, radius):
    y, x = np.mgrid[:height, :width]
    return np.hypot(y - height / 2, x - width / 2) < radius


@given(st.sampled_from([1, 2, 3]), st.integers(0, 10**6), st.floats(6, 45))
@settings(max_examples=40)
def test_hidden_shares_lie_in_the_level(level, seed, radius):
    mask = disc(100, 110, radius)
    image = np.full((100, 110, 3), 0.5)
    copy = occlude(image, mask, level, np.random.default_rng(seed))
    low, high = OBJECT_RANGE[level]
    assert low + MARGIN <= hidden_share(mask, copy.occluders) <= high - MARGIN
    assert hidden_share(~mask, copy.occluders) <= CONTEXT_RANGE[level][1] + 0.1
    changed = (copy.image != image).any(axis=2)
    assert not (changed & ~copy.occluders).any()
    assert 0 <= copy.image.min() <= copy.image.max() <= 1
    for r0, r1, c0, c1 in copy.boxes:
        assert 0 <= r0 < r1 <= 100
        assert 0 <= c0 < c1 <= 110


def test_context_is_hidden_too_on_higher_levels():
    shares = [
        hidden_share(~disc(100, 100, 25), occlude(np.zeros((100, 100, 3)), disc(100, 100, 25), 3, rng).occluders)
        for rng in map(np.random.default_rng, range(10))
    ]
    assert np.mean(shares) > 0.3


def test_ratios_spread_over_the_level():
    mask = disc(100, 100, 30)
    shares = [
        hidden_share(mask, occlude(np.zeros((100, 100, 3)), mask, 2, np.random.default_rng(s)).occluders)
        for s in range(60)
    ]
    assert np.histogram(shares, bins=[0.4, 0.467, 0.533, 0.6])[0].min() >= 8


def test_the_object_is_hidden_by_few_things():
    mask = disc(100, 100, 30)
    counts = [len(occlude(np.zeros((100, 100, 3)), mask, 1, np.random.default_rng(s)).boxes) for s in range(30)]
    assert np.mean(counts) < 8


def test_the_share_can_be_measured_elsewhere():
    mask = disc(100, 100, 30)
    half = mask & (np.arange(100) < 50)
    for seed in range(5):
        copy = occlude(
            np.zeros((100, 100, 3)),
            mask,
            2,
            np.random.default_rng(seed),
            lambda occluders: hidden_share(half, occluders),
        )
        assert 0.4 <= hidden_share(half, copy.occluders) <= 0.6


def test_same_generator_state_gives_the_same_copy():
    mask = disc(60, 60, 20)
    first, second = (occlude(np.zeros((60, 60, 3)), mask, 1, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    assert first.boxes == second.boxes


def test_empty_mask_has_no_hidden_share():
    assert hidden_share(np.zeros((4, 4), bool), np.ones((4, 4), bool)) == 0.0
    with pytest.raises(ValueError, match="mask must show"):
        occlude(np.zeros((4, 4, 3)), np.zeros((4, 4), bool), 1, np.random.default_rng(0))
    assert hidden_share(np.ones((2, 2), bool), np.eye(2, dtype=bool)) == pytest.approx(0.5)
