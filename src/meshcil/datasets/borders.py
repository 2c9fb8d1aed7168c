"""What fills the border of a prepared image where the original ends: a describable texture, or an embedded one.

The Describable Textures Dataset (DTD) lies in ``images/<category>/<name>.jpg`` with lists ``labels/{train,test}1.txt``.
Training images take textures of its training list, test images those of its test list, as iNeMo does; which one
follows from the image's id alone, so that preparing again gives the same bytes.
"""

import hashlib
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from meshcil.core.errors import InputError
from meshcil.datasets.base import read_list, refuse_escape, require_folder
from meshcil.datasets.images import read_image
from meshcil.datasets.primitives.textures import fill_texture

PARTITIONS = ("train", "test")
EMBEDDED_SIDE = 256
"""Longest side in pixels at which an embedded texture is drawn."""


@lru_cache(maxsize=4)
def texture_files(root: Path, partition: str) -> tuple[Path, ...]:
    """Textures of a partition of DTD, in the order of its list.

    Raises InputError when a folder or list is missing, or the two lists share a texture.
    """
    require_folder(root / "images", "DTD images")
    listed = {name: [words[0] for words in read_list(root / "labels" / f"{name}1.txt")] for name in PARTITIONS}
    common = set(listed["train"]) & set(listed["test"])
    if common:
        where = root / "labels"
        raise InputError(where, f"lists {min(common)} for both training and test", "Unpack the dataset again")
    found = tuple(root / "images" / name for name in listed[partition])
    for path in found:
        refuse_escape(path, [root])
    return found


def _embedded(key: str, size: tuple[int, int]) -> UInt8[np.ndarray, "H W 3"]:
    """Large ones are drawn small and stretched, as the photographed ones are; drawing is slow."""
    shrink = math.ceil(max(size) / EMBEDDED_SIDE)
    texture = (fill_texture(key, *(math.ceil(side / shrink) for side in size)) * 255 + 0.5).astype(np.uint8)
    if shrink == 1:
        return texture
    return np.asarray(Image.fromarray(texture).resize((size[1], size[0]), Image.Resampling.BILINEAR))


@lru_cache(maxsize=64)
def _stretched(path: Path, height: int, width: int) -> UInt8[np.ndarray, "H W 3"]:
    image = Image.fromarray(read_image(path))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def border_texture(
    root: Path | None, partition: str, image_id: str, size: tuple[int, int]
) -> UInt8[np.ndarray, "H W 3"]:
    """The texture of ``size`` (H, W) behind one image; the partitions "train" and "test" share none.

    It is one of the DTD folder ``root``, stretched, or embedded when that is None.
    """
    key = f"{partition}/{image_id}"
    if root is None:
        return _embedded(key, size)
    files = texture_files(root, partition)
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return _stretched(files[draw % len(files)], *size)
