"""From an original image to a fixed window: rescaled to distance 5, principal point at the centre, padded, filled."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets.base import Annotation

DISTANCE = 5.0
# Without a usable distance, the shorter side of the object's box is brought to this share of the window's height
# (224 of 640 pixels in the NeMo scripts).
FALLBACK_SHARE = 224 / 640
_FAR = 1e6
_UNITS = "Give distances in the units of the CAD models, and lengths in pixels of the original image"


@dataclass(frozen=True)
class Window:
    """Where a window of an image lies after rescaling."""

    resized: tuple[int, int]  # (height, width) of the rescaled image
    padding: tuple[int, int, int, int]  # (top, bottom, left, right) pixels of the window outside of the rescaled image
    corner: tuple[int, int]  # (row, column) of the window's first pixel in the padded image
    size: tuple[int, int]  # (H, W) of the window


def scale_factor(annotation: Annotation, size: tuple[int, int], focal: float) -> float:
    """Factor that makes the object look as if seen from distance 5 with the focal length of the window.

    ``size`` is the window's (H, W), ``focal`` in pixels; 3000 with a 640 x 800 window is the preparation of NeMo.
    """
    if annotation.distance > 0:
        return annotation.distance / DISTANCE * focal / annotation.focal
    x0, y0, x1, y1 = annotation.bbox
    return FALLBACK_SHARE * size[0] / max(min(x1 - x0, y1 - y0), 1.0)


def locate(shape: tuple[int, int], annotation: Annotation, size: tuple[int, int], focal: float) -> Window:
    """Place the window: after rescaling, the principal point lands on its centre (row H/2, column W/2).

    ``shape`` is the original image's (height, width), ``size`` the window's, ``focal`` its focal length in pixels.
    Raises InputError when the image would become absurdly large or small, as by a distance in another unit.
    """
    where = f"an image of {shape[1]} x {shape[0]} pixels"
    scale = scale_factor(annotation, size, focal)
    if not 1 / limits.SCALE <= scale <= limits.SCALE or shape[0] * shape[1] * scale**2 > limits.PIXELS:
        cause = f"has the distance {annotation.distance:g}: it would be rescaled {scale:.3g} times"
        raise InputError(where, f"{cause} so that it looks as if taken from {DISTANCE:g}", _UNITS)
    if not all(abs(value * scale) < _FAR for value in annotation.principal):
        raise InputError(where, f"has its principal point far outside, at {annotation.principal}", _UNITS)
    height, width = max(int(shape[0] * scale), 1), max(int(shape[1] * scale), 1)
    column, row = (int(value * scale) for value in annotation.principal)
    half_h, half_w = size[0] // 2, size[1] // 2
    top, bottom = max(half_h - row, 0), max(row + size[0] - half_h - height, 0)
    left, right = max(half_w - column, 0), max(column + size[1] - half_w - width, 0)
    return Window((height, width), (top, bottom, left, right), (row - half_h + top, column - half_w + left), size)


def _cut(array: np.ndarray, window: Window) -> np.ndarray:
    cut = np.zeros((*window.size, *array.shape[2:]), dtype=array.dtype)
    # Where the window's first pixel lies in the image itself.
    row, column = window.corner[0] - window.padding[0], window.corner[1] - window.padding[2]
    seen = array[max(row, 0) : max(row + window.size[0], 0), max(column, 0) : max(column + window.size[1], 0)]
    top, left = max(-row, 0), max(-column, 0)
    cut[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return cut


def cut_image(image: UInt8[np.ndarray, "H W 3"], window: Window) -> UInt8[np.ndarray, "h w 3"]:
    """Rescale (bilinear) and cut an image; zeros outside of it."""
    height, width = window.resized
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    return _cut(resized, window)


def cut_mask(mask: Bool[np.ndarray, "H W"], window: Window) -> Bool[np.ndarray, "h w"]:
    """Rescale (nearest) and cut a mask; False outside of it."""
    height, width = window.resized
    resized = Image.fromarray(mask.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    return _cut(np.asarray(resized), window).astype(bool)


def fill_border(
    image: UInt8[np.ndarray, "h w 3"], padding: tuple[int, int, int, int], texture: UInt8[np.ndarray, "h w 3"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Replace the padded border by a texture (iNeMo fills it with a describable texture)."""
    top, bottom, left, right = padding
    height, width = image.shape[:2]
    filled = texture.copy()
    inside = slice(top, max(height - bottom, top)), slice(left, max(width - right, left))
    filled[inside] = image[inside]
    return filled


def cover(shape: tuple[int, int], size: tuple[int, int], crop: float) -> tuple[int, int]:
    """(height, width) to which an image without a viewpoint is rescaled so that it covers a window.

    ``crop`` is the share of the rescaled image's covering side that the window keeps. Raises InputError when the image
    is so narrow that it would become far too large.
    """
    scale = max(size[0] / shape[0], size[1] / shape[1]) / crop
    height, width = max(round(shape[0] * scale), size[0]), max(round(shape[1] * scale), size[1])
    if height * width > limits.PIXELS:
        cause = f"would need {width:,} x {height:,} pixels to cover {size[1]} x {size[0]}"
        raise InputError(f"an image of {shape[1]} x {shape[0]} pixels", cause, "Leave out such narrow images")
    return height, width


def fit_image(image: UInt8[np.ndarray, "H W 3"], size: tuple[int, int], crop: float) -> UInt8[np.ndarray, "h w 3"]:
    """An image without a viewpoint, brought to a size: rescaled to cover it, then cut around the middle; see `cover`.

    One that has the size already is left as it is. A ``crop`` of 224 / 256 is ImageNet's test transform.
    """
    if image.shape[:2] == size:
        return image
    height, width = cover(image.shape[:2], size, crop)
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return np.ascontiguousarray(resized[top : top + size[0], left : left + size[1]])
