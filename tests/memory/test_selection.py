import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcil.memory.selection import azimuth_bin, select, thin

STRATEGIES = ["random", "herding", "pose-aware", "difficulty", "diversity"]
azimuths = st.lists(st.floats(-10, 10), min_size=1, max_size=60)


def arrays(seed: int, size: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        "features": generator.normal(size=(size, 4)),
        "azimuth": generator.vonmises(0, 2, size),
        "losses": generator.exponential(size=size),
    }


CENTRES = np.arange(10) * 2 * np.pi / 10
ORDER = (0, 5, 2, 7, 4, 9, 1, 6, 3, 8)
"""Bins among which a slot may go to any, in the order in which they get it."""


def fill(capacity: np.ndarray, slots: int) -> list[int]:
    """Water-filling one slot at a time."""
    picks = [0] * len(capacity)
    for _ in range(min(slots, int(capacity.sum()))):
        free = [b for b in range(len(picks)) if picks[b] < capacity[b]]
        picks[min(free, key=lambda b: (picks[b], ORDER.index(b)))] += 1
    return picks


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(seed=st.integers(0, 100), size=st.integers(0, 40), count=st.integers(0, 50), fewer=st.integers(0, 50))
def test_every_strategy_ranks(strategy, seed, size, count, fewer):
    given_arrays = arrays(seed, size)
    chosen = select(strategy, count, seed=seed, **given_arrays)
    assert len(chosen) == len(set(chosen)) == min(count, size)
    assert all(0 <= index < size for index in chosen)
    assert chosen == select(strategy, count, seed=seed, **given_arrays)
    assert select(strategy, min(fewer, count), seed=seed, **given_arrays) == thin(chosen, fewer)


@given(azimuth=azimuths, count=st.integers(1, 70), seed=st.integers(0, 20))
def test_pose_aware_fills_the_bins_evenly(azimuth, count, seed):
    chosen = select("pose-aware", count, azimuth=azimuth, seed=seed)
    bins = azimuth_bin(azimuth)
    capacity = np.bincount(bins, minlength=10)
    picks = np.bincount(bins[chosen], minlength=10)
    assert picks.tolist() == fill(capacity, count)
    assert (picks[picks < capacity] >= picks.max() - 1).all()


@given(azimuth=azimuths, count=st.integers(1, 70), fewer=st.integers(0, 70))
def test_thinning_pose_aware_exemplars_fills_evenly_again(azimuth, count, fewer):
    stored = select("pose-aware", count, azimuth=azimuth)
    kept = thin(stored, fewer)
    bins = azimuth_bin(azimuth)
    stored_per_bin = np.bincount(bins[stored], minlength=10)
    assert np.bincount(bins[kept], minlength=10).tolist() == fill(stored_per_bin, fewer)


@pytest.mark.parametrize(("count", "widest"), [(2, 180), (4, 108), (5, 108), (6, 72), (8, 72), (10, 36)])
def test_fewer_images_than_bins_still_look_from_all_around(count, widest):
    chosen = np.sort(np.rad2deg(CENTRES[select("pose-aware", count, azimuth=CENTRES)]))
    gaps = np.diff([*chosen, chosen[0] + 360])
    assert gaps.max() == pytest.approx(widest)


def test_azimuth_bins_are_circular_and_centred_on_zero():
    degrees = np.array([0, 17.9, 18.1, 342.1, 341.9, -17.9, 360, 54.1, 720 + 36])
    assert azimuth_bin(np.deg2rad(degrees)).tolist() == [0, 0, 1, 0, 9, 0, 0, 2, 1]


@pytest.mark.parametrize(
    ("counts", "quota"),
    [([700, 5, 5, 5, 5, 5, 5, 5, 5, 5], 80), ([6] * 10, 80), ([30] * 10, 6), ([1] * 10, 4), ([0] * 9 + [3], 2)],
    ids=["one-dominant-bin", "fewer-images-than-quota", "quota-below-bins", "single-images", "one-bin"],
)
def test_pose_aware_where_the_published_selection_fails(counts, quota):
    azimuth = np.repeat(np.arange(10) * 2 * np.pi / 10, counts)
    chosen = select("pose-aware", quota, azimuth=azimuth)
    assert len(set(chosen)) == len(chosen) == min(quota, sum(counts))


def test_difficulty_takes_the_largest_loss_and_the_earlier_of_equals():
    assert select("difficulty", 3, losses=[0.1, 2.0, 0.5, 2.0]) == [1, 3, 2]


def test_diversity_covers_clusters_before_repeating_one():
    generator = np.random.default_rng(0)
    centres = np.eye(4)
    label = np.arange(40) % 4
    features = centres[label] + 0.01 * generator.normal(size=(40, 4))
    chosen = select("diversity", 4, features=features)
    assert sorted(label[chosen]) == [0, 1, 2, 3]


@given(seed=st.integers(0, 200), size=st.integers(1, 25), count=st.integers(1, 25))
def test_diversity_is_within_twice_the_best_radius(seed, size, count):
    features = arrays(seed, size)["features"]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    chosen = select("diversity", count, features=features)
    distance = np.linalg.norm(unit[:, None] - unit[chosen], axis=2).min(1)
    spread = [np.linalg.norm(unit[a] - unit[b]) for i, a in enumerate(chosen) for b in chosen[:i]]
    # Greedy k-center: each centre was the farthest point when chosen, so no point is farther now.
    assert distance.max() <= min(spread, default=np.inf) + 1e-9


def test_another_seed_is_another_draw():
    azimuth = np.zeros(30)
    assert select("random", 5, azimuth=azimuth, seed=1) != select("random", 5, azimuth=azimuth, seed=2)
    assert select("pose-aware", 5, azimuth=azimuth, seed=1) != select("pose-aware", 5, azimuth=azimuth, seed=2)


@pytest.mark.parametrize(
    ("strategy", "count", "given_arrays", "message"),
    [
        ("newest", 1, {"losses": [1.0]}, "strategy must be one of"),
        ("random", -1, {"losses": [1.0]}, "count"),
        ("random", 1, {}, "needs"),
        ("herding", 1, {"losses": [1.0]}, "needs features"),
        ("herding", 1, {"features": [1.0, 2.0]}, "features must be"),
        ("pose-aware", 1, {"azimuth": [float("nan")]}, "azimuth must be finite"),
        ("difficulty", 1, {"losses": [1.0], "azimuth": [0.0, 1.0]}, "one entry per image"),
    ],
)
def test_bad_arguments_are_named(strategy, count, given_arrays, message):
    with pytest.raises(ValueError, match=message):
        select(strategy, count, **given_arrays)


def test_thinning_to_a_negative_count_is_refused():
    with pytest.raises(ValueError, match="count"):
        thin([1, 2], -1)
