"""Which images of a class become exemplars, and in which order.

Every strategy returns a ranking, so that a smaller quota later keeps the first exemplars (`thin`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

AZIMUTH_BINS = 10
_BIN_ORDER = np.argsort([0, 5, 2, 7, 4, 9, 1, 6, 3, 8])
"""Rank of each bin among equally empty ones: each next bin lies far from those before, so that fewer images than bins
still look at the object from all around."""

Item = TypeVar("Item")
Ranking = NDArray[np.int64]


def select(
    strategy: str,
    count: int,
    *,
    features: Iterable | None = None,
    azimuth: Iterable | None = None,
    losses: Iterable | None = None,
    seed: int = 0,
) -> list[int]:
    """At most ``count`` distinct images of one class by position, best first; a smaller ``count`` gives a prefix of it.

    ===========  =========  ==============================================================
    strategy     needs      ranking
    ===========  =========  ==============================================================
    random       any array  a seeded permutation
    herding      features   running mean nearest to the class mean (iCaRL)
    pose-aware   azimuth    evenly over ten circular azimuth bins (iNeMo)
    difficulty   losses     largest loss first
    diversity    features   farthest-first traversal (greedy k-center) from the most central
    ===========  =========  ==============================================================

    Arrays have a row per image of the class: ``features`` ``[n, D]``, normalised here, ``azimuth`` in radians,
    ``losses`` under the present model. ``seed`` is that of ``random`` and ``pose-aware``. Raises ValueError for an
    unknown strategy, a negative count, a needed array that is missing, or arrays that are not finite or differ in
    length.
    """
    if strategy not in _STRATEGIES:
        raise ValueError(f"strategy must be one of {', '.join(sorted(_STRATEGIES))}, got {strategy!r}")
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    given = {"features": features, "azimuth": azimuth, "losses": losses}
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in given.items() if value is not None}
    needed, rank = _STRATEGIES[strategy]
    if not arrays or (needed and needed not in arrays):
        raise ValueError(f"strategy {strategy!r} needs {needed or 'features, azimuth or losses'}")
    if len({len(array) for array in arrays.values()}) > 1:
        raise ValueError(f"{', '.join(arrays)} must have one entry per image each")
    array = arrays[needed or next(iter(arrays))]
    if needed and not np.isfinite(array).all():
        raise ValueError(f"{needed} must be finite")
    return rank(array, count, np.random.default_rng(seed))[:count].tolist()


def thin(exemplars: Sequence[Item], count: int) -> list[Item]:
    """Exemplars of one class to keep when its quota shrinks to ``count``.

    They are stored best first, hence the first ones stay. For ``pose-aware`` this equals running the selection again on
    the stored images: a round-robin over bins, cut short, is the shorter round-robin. Raises ValueError when ``count``
    is negative.
    """
    if count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    return list(exemplars[:count])


def azimuth_bin(azimuth: Iterable, bins: int = AZIMUTH_BINS) -> Ranking:
    """Circular bin of equal width of each azimuth (radians); azimuth 0 is the centre of bin 0."""
    turns = np.asarray(azimuth, dtype=np.float64) / (2 * np.pi)
    return (np.floor(turns * bins + 0.5) % bins).astype(np.int64)


def _random(array: NDArray[np.float64], _count: int, generator: np.random.Generator) -> Ranking:
    return generator.permutation(len(array))


def _pose_aware(azimuth: NDArray[np.float64], _count: int, generator: np.random.Generator) -> Ranking:
    # Water-filling gives each next slot to the emptiest bin that has images left, ties in a fixed order:
    # that is a round-robin, i.e. order by the image's place within its bin, then by the bin's rank.
    shuffled = generator.permutation(len(azimuth))
    bins = azimuth_bin(azimuth)[shuffled]
    place = np.empty(len(azimuth), dtype=np.int64)
    for b in range(AZIMUTH_BINS):
        place[bins == b] = np.arange((bins == b).sum())
    return shuffled[np.lexsort((_BIN_ORDER[bins], place))]


def _difficulty(losses: NDArray[np.float64], _count: int, _generator: np.random.Generator) -> Ranking:
    return np.argsort(-losses, kind="stable")


def _herding(features: NDArray[np.float64], count: int, _generator: np.random.Generator) -> Ranking:
    features = _normalised(features)
    mean = features.mean(0) if len(features) else features
    total = np.zeros(features.shape[1])
    free = np.ones(len(features), dtype=bool)
    ranking = np.empty(min(count, len(features)), dtype=np.int64)
    for k in range(len(ranking)):
        distance = np.linalg.norm(mean - (features + total) / (k + 1), axis=1)
        ranking[k] = np.where(free, distance, np.inf).argmin()
        free[ranking[k]] = False
        total += features[ranking[k]]
    return ranking


def _diversity(features: NDArray[np.float64], count: int, _generator: np.random.Generator) -> Ranking:
    features = _normalised(features)
    ranking = np.empty(min(count, len(features)), dtype=np.int64)
    if len(ranking) == 0:
        return ranking
    nearest = np.full(len(features), np.inf)
    following = np.linalg.norm(features - features.mean(0), axis=1).argmin()
    for k in range(len(ranking)):
        ranking[k] = following
        nearest = np.minimum(nearest, np.linalg.norm(features - features[following], axis=1))
        nearest[following] = -1
        following = nearest.argmax()
    return ranking


def _normalised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    if features.ndim != 2:
        raise ValueError(f"features must be [n, D], got shape {features.shape}")
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


_Rank = Callable[[NDArray[np.float64], int, np.random.Generator], Ranking]
_STRATEGIES: dict[str, tuple[str | None, _Rank]] = {
    "random": (None, _random),
    "herding": ("features", _herding),
    "pose-aware": ("azimuth", _pose_aware),
    "difficulty": ("losses", _difficulty),
    "diversity": ("features", _diversity),
}
