"""Similarities of map features to vertices and background, in blocks that fit a stated number of bytes.

Maps are held as columns ``[D, P, B]`` with the images innermost: one matrix product serves all cells of all images, and
the values that a pose reads for a cell lie side by side for the images.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from meshcil.core.arguments import reject, require_finite, require_precision

# What is only reduced stays in the processor's cache; an accelerator wants more at once.
_CACHE_BYTES = {"cpu": 2**21}
_DEVICE_BYTES = 2**28


@contextmanager
def own_modes(device: torch.device) -> Iterator[None]:
    """Compute without gradients and in the tensors' own precision, whatever modes the caller is in.

    Autocast would round similarities and geometry. Inference mode would keep the refinement from its gradients.
    """
    # Leaving inference mode turns gradients on, so the order matters.
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield


def map_columns(feature_map: Float[Tensor, "B D H W"]) -> Float[Tensor, "D P B"]:
    """The map with its P = H * W cells in row-major order and the images innermost."""
    return feature_map.permute(1, 2, 3, 0).flatten(1, 2).contiguous()


def passing_bytes(device: torch.device) -> int:
    """How much to compute at once of what is reduced right away."""
    return _CACHE_BYTES.get(device.type, _DEVICE_BYTES)


def best_similarity(columns: Float[Tensor, "D P B"], features: Float[Tensor, "N D"]) -> Float[Tensor, "P B"]:
    """Similarity of each cell to the most similar of some features."""
    _, cells, images = columns.shape
    block = passing_bytes(columns.device) // (len(features) * columns.element_size())
    # The product is fastest when its width is a multiple of the vector length.
    width = max(64, block // 64 * 64)
    best = [(features @ part).amax(0) for part in columns.flatten(1).split(width, dim=1)]
    return torch.cat(best).view(cells, images)


def best_vertices(
    columns: Float[Tensor, "D P B"], bank: Float[Tensor, "C V D"], valid: Bool[Tensor, "C V"]
) -> Float[Tensor, "C P B"]:
    """Similarity of each cell to the most similar vertex of each class."""
    return torch.stack([best_similarity(columns, features[rows]) for features, rows in zip(bank, valid, strict=True)])


def relative_similarity(
    columns: Float[Tensor, "D P B"],
    background: Float[Tensor, "P B"],
    features: Float[Tensor, "V D"],
    out: Tensor | None = None,
) -> Float[Tensor, "V P B"]:
    """Similarity of each cell to each vertex, less that to the best background feature (``best_similarity``).

    Barycentric weights sum to 1, so a blend of these is the blend of the similarities less the background's. Values are
    written to the first V * P * B elements of ``out``, if given.
    """
    _, cells, images = columns.shape
    if out is None:
        out = columns.new_empty(len(features) * cells * images)
    table = out[: len(features) * cells * images].view(len(features), cells * images)
    torch.addmm(background.neg().view(1, -1), features, columns.flatten(1), out=table)
    return table.view(len(features), cells, images)


def images_per_block(feature_map: Float[Tensor, "B D H W"], values: int, max_bytes: int, fixed: int = 0) -> int:
    """How many images to work on at once within ``max_bytes``: one at least, and all blocks about equally large.

    A block holds the map as columns, once more the columns of some images, and per cell ``values`` further numbers of
    the map's dtype and ``fixed`` bytes. Raises ValueError for a bound that is not positive.
    """
    if max_bytes < 1:
        reject("max_bytes", f"be at least 1, but it is {max_bytes}")
    images, dim = feature_map.shape[:2]
    cells = feature_map[0, 0].numel()
    # Beside the map and the values: the background's best similarity, turned and as it is.
    each = cells * (feature_map.element_size() * (2 * dim + values + 2) + fixed)
    blocks = math.ceil(images / max(1, max_bytes // each))
    return math.ceil(images / blocks)


def require_features(feature_map: Tensor, background: Tensor, **tensors: Tensor) -> None:
    """Refuse features that no similarity can be computed with.

    Raises ValueError naming the argument that is neither float32 nor float64, empty, or not finite.
    """
    require_precision(feature_map=feature_map, background=background, **tensors)
    for name, tensor in {"feature_map": feature_map, "background": background, **tensors}.items():
        if math.prod(tensor.shape) == 0:
            reject(name, f"not be empty, but it has shape {list(tensor.shape)}")
    require_finite(feature_map=feature_map, background=background, **tensors)
