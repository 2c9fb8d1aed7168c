"""Occluded copies in the manner of Occluded Pascal3D+: things of no class hide a measured share of the object."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from meshcil.datasets.primitives import textures
from meshcil.datasets.primitives.blobs import Blob, blob, paste

# Hidden share of the object's mask, and of everything else, by level (Occluded Pascal3D+, FGL and BGL).
OBJECT_RANGE = {1: (0.2, 0.4), 2: (0.4, 0.6), 3: (0.6, 0.8)}
CONTEXT_RANGE = {1: (0.0, 0.2), 2: (0.2, 0.4), 3: (0.4, 0.6)}
# Resampling to the prepared size moves the ratio a little: the generator keeps clear of a level's ends.
MARGIN = 0.025
KINDS = (*textures.PLAIN, *textures.PLAIN, *textures.PATTERNS)


@dataclass(frozen=True)
class Occluded:
    """An occluded copy of an image.

    Attributes:
        image: float [H, W, 3] in [0, 1].
        occluders: union of the occluders' masks, bool [H, W].
        boxes: (first row, last row + 1, first column, last column + 1) of each occluder.
    """

    image: Float[np.ndarray, "H W 3"]
    occluders: Bool[np.ndarray, "H W"]
    boxes: tuple[tuple[int, int, int, int], ...]


def hidden_share(mask: Bool[np.ndarray, "H W"], occluders: Bool[np.ndarray, "H W"]) -> float:
    """Share of the mask's pixels that occluders cover; 0 for an empty mask."""
    area = int(mask.sum())
    return float((mask & occluders).sum() / area) if area else 0.0


def _thing_at(mask: np.ndarray, radius: float, rng: np.random.Generator) -> Blob | None:
    """A thing about a random pixel of the mask."""
    rows, columns = np.nonzero(mask)
    pick = int(rng.integers(len(rows)))
    jitter = rng.normal(0, 0.3 * radius, 2)
    center = (rows[pick] + jitter[0], columns[pick] + jitter[1])
    return blob(rng, center, radius, mask.shape[0], mask.shape[1], KINDS)


def _cover(
    region: np.ndarray,
    target: float,
    occluders: np.ndarray,
    allowed: list[tuple[np.ndarray, float]],
    rng: np.random.Generator,
    tries: int,
) -> list[Blob]:
    """Add things until ``target`` of ``region`` is hidden; ``allowed`` caps the hidden share of masks."""
    things: list[Blob] = []
    shrink = 1.0
    extent = np.sqrt(region.sum() / np.pi)
    for _ in range(tries):
        missing = target - hidden_share(region, occluders)
        if missing <= 0:
            break
        radius = max(2.0, shrink * extent * (0.25 + missing) * rng.uniform(0.5, 1.0))
        thing = _thing_at(region & ~occluders, radius, rng)
        if thing is None:
            continue
        union = occluders.copy()
        union[thing.window()] |= thing.mask
        if any(hidden_share(mask, union) > cap for mask, cap in allowed):
            shrink *= 0.85
            continue
        occluders[:] = union
        things.append(thing)
    return things


def occlude(
    image: Float[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "H W"], level: int, rng: np.random.Generator
) -> Occluded:
    """Hide a share of the object and of its surroundings, each drawn from the level's range.

    Args:
        image: float RGB in [0, 1].
        mask: the object.
        level: 1, 2 or 3.
        rng: source of randomness.
    """
    low, high = OBJECT_RANGE[level]
    context_low, context_high = CONTEXT_RANGE[level]
    occluders = np.zeros_like(mask)
    target = rng.uniform(low + MARGIN, high - 2 * MARGIN)
    things = _cover(mask, target, occluders, [(mask, target + MARGIN)], rng, tries=400)
    # Things behind may touch the object, but must not add up to another share.
    settled = hidden_share(mask, occluders) + MARGIN / 5
    target = rng.uniform(context_low, context_high - 2 * MARGIN)
    things += _cover(~mask, target, occluders, [(mask, settled), (~mask, context_high)], rng, tries=80)
    picture = image.copy()
    for thing in things:
        paste(picture, thing)
    boxes = tuple((*thing.rows, *thing.columns) for thing in things)
    return Occluded(picture, occluders, boxes)
