"""Occluded copies in the manner of Occluded Pascal3D+: things of no class hide a measured share of the object."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from meshcil.datasets.primitives import textures
from meshcil.datasets.primitives.textures import Blob, blob, paint

# Hidden share of the object's mask, and of everything else, by level (Occluded Pascal3D+, FGL and BGL).
OBJECT_RANGE = {1: (0.2, 0.4), 2: (0.4, 0.6), 3: (0.6, 0.8)}
CONTEXT_RANGE = {1: (0.0, 0.2), 2: (0.2, 0.4), 3: (0.4, 0.6)}
Measure = Callable[[Bool[np.ndarray, "H W"]], float]
# Kept clear at both ends of a range.
MARGIN = 0.01
KINDS = (*textures.PLAIN, *textures.PLAIN, *textures.PATTERNS)


@dataclass(frozen=True)
class Occluded:
    """An occluded copy of an image."""

    image: Float[np.ndarray, "H W 3"]  # float [H, W, 3] in [0, 1]
    occluders: Bool[np.ndarray, "H W"]  # union of the occluders' masks, bool [H, W]
    # (first row, last row + 1, first column, last column + 1) of each occluder
    boxes: tuple[tuple[int, int, int, int], ...]


def hidden_share(mask: Bool[np.ndarray, "H W"], occluders: Bool[np.ndarray, "H W"]) -> float:
    """Share of the mask's pixels that occluders cover; 0 for an empty mask."""
    area = int(mask.sum())
    return float((mask & occluders).sum() / area) if area else 0.0


def _add(
    occluders: Bool[np.ndarray, "H W"], places: Bool[np.ndarray, "H W"], radius: float, rng: np.random.Generator
) -> Blob | None:
    """A thing about a random pixel of ``places``, added to the union of occluders."""
    rows, columns = np.nonzero(places)
    pick = int(rng.integers(len(rows)))
    shift = rng.normal(0, 0.4 * radius, 2)
    thing = blob(rng, (rows[pick] + shift[0], columns[pick] + shift[1]), radius, *places.shape)
    if thing is not None:
        occluders[thing.window()] |= thing.mask()
    return thing


def _hide_object(
    mask: Bool[np.ndarray, "H W"], low: float, high: float, rng: np.random.Generator, measure: Measure
) -> tuple[list[Blob], Bool[np.ndarray, "H W"]]:
    """A few large things that together hide a share of the mask in the range; smaller ones after each failure."""
    rows, columns = (np.ptp(places) + 1 for places in np.nonzero(mask))
    size = np.sqrt(rows * columns)
    while True:
        # The last thing overshoots: goals below the range spread the outcome over all of it.
        goal = rng.uniform(low - 0.03, high - 0.05)
        occluders, things = np.zeros_like(mask), []
        while hidden_share(mask, occluders) < goal and len(things) < 40:
            radius = max(1.0, size * (0.12 + 0.25 * goal) * rng.uniform(0.7, 1.3))
            things.append(_add(occluders, mask & ~occluders, radius, rng))
        if low <= measure(occluders) <= high:
            return [thing for thing in things if thing is not None], occluders
        size *= 0.95


def _hide_context(
    mask: Bool[np.ndarray, "H W"], occluders: Bool[np.ndarray, "H W"], target: float, rng: np.random.Generator
) -> list[Blob]:
    """Things beside the object; the share of the object that is hidden stays as it is."""
    things: list[Blob] = []
    size = np.sqrt(mask.size)
    for _ in range(60):
        if hidden_share(~mask, occluders) >= target:
            break
        union = occluders.copy()
        thing = _add(union, ~(mask | occluders), size * rng.uniform(0.06, 0.2), rng)
        if thing is not None and not (union & mask & ~occluders).any():
            occluders[:] = union
            things.append(thing)
    return things


def occlude(
    image: Float[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
    level: int,
    rng: np.random.Generator,
    measure: Measure | None = None,
) -> Occluded:
    """Hide a share of the object and of its surroundings, each drawn from the range of the level (1, 2 or 3).

    ``measure`` gives the share that has to be in the range for a union of occluders; without it, that of the mask's own
    pixels. Raises ValueError when the mask is empty.
    """
    if not mask.any():
        raise ValueError("mask must show the object")
    low, high = OBJECT_RANGE[level]
    measure = measure or partial(hidden_share, mask)
    things, occluders = _hide_object(mask, low + MARGIN, high - MARGIN, rng, measure)
    low, high = CONTEXT_RANGE[level]
    things += _hide_context(mask, occluders, rng.uniform(low, high - 0.05), rng)
    picture = image.copy()
    for thing in things:
        paint(picture, thing, rng, KINDS)
    return Occluded(picture, occluders, tuple((*thing.rows, *thing.columns) for thing in things))
