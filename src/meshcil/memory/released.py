"""Exemplar memory as iNeMo's released code keeps it: each rule a defect of its own (docs/known-defects.md, D8-D10)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np

from meshcil.core.errors import InputError
from meshcil.memory.store import ExemplarStore

_BINS = 10
_SPARSE = 10

Reduction = Literal["unchanged", "lost", "thinned"]


def select_by_azimuth(azimuth: Iterable, count: int, seed: int) -> list[int]:
    """The released pose-aware selection of one class: positions, shuffled, more than ``count`` or some twice.

    Ten bins of equal width between the class's own smallest and largest azimuth (radians); the right edge of every bin
    with fewer than ten images is dropped, so that the bin joins the next one. From each group between the edges that
    are left, and from what lies beyond the last one, ``count // (edges - 1)`` images are drawn; groups of a single
    image are skipped. If fewer than ``count`` were drawn, random images fill up, whether chosen already or not. Raises
    InputError where the released code stops: all bins sparse, or fewer images asked for than there are groups.
    """
    degrees = np.rad2deg(np.asarray(azimuth, dtype=np.float64)) % 360
    if count == 0 or not len(degrees):
        return []
    images, edges = np.histogram(degrees, _BINS)
    kept = edges[[True, *(images >= _SPARSE)]]
    if len(kept) == 1:
        _stop("divides by zero when every azimuth bin of a class holds fewer than ten images")
    share = count // (len(kept) - 1)
    if share == 0:
        _stop(f"cannot draw {count} images from {len(kept) - 1} groups")
    generator = np.random.default_rng(seed)
    group = np.digitize(degrees, kept)
    chosen: list[int] = []
    for number in np.unique(group):
        members = np.flatnonzero(group == number)
        if len(members) > 1:
            chosen += generator.permutation(members)[:share].tolist()
    missing = max(0, count - len(chosen))
    filled = chosen + generator.integers(0, len(degrees), missing).tolist()
    # Shuffled, so that the class, when it is thinned to its first images, is still seen from all its groups.
    return generator.permutation(filled).tolist()


def _stop(reason: str) -> None:
    raise InputError("released_code.azimuth_selection", f"the released selection {reason}", "Turn the flag off")


def update_store(
    store: ExemplarStore, ranked: Mapping[str, Sequence[str]], per_class: int, reduction: Reduction
) -> ExemplarStore:
    """The store after a step, new classes as they were ranked: more than the quota, or some twice (D10).

    Old classes are ``thinned`` to the quota ``per_class``, ``unchanged`` (D8) or ``lost`` (D9).
    """
    kept = {"thinned": per_class, "unchanged": None, "lost": 0}[reduction]
    old = tuple((name, samples[:kept]) for name, samples in store.classes)
    return ExemplarStore((*old, *((name, tuple(samples)) for name, samples in ranked.items())))
