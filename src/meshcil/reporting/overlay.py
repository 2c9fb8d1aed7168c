"""Images of figures: a predicted cuboid drawn over its image, and which cells of it something else explains better.

Frames and angles are those of docs/conventions.md; here in pixels of the image, whose centre is the principal point.
"""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy
from jaxtyping import Bool, Float
from PIL import Image, ImageColor, ImageDraw, UnidentifiedImageError

from meshcil.core.errors import InputError
from meshcil.reporting.palette import INK, ORANGE, PAPER, SKY, VERMILION

REMEDY = "Delete the prepared folder and prepare the dataset again"
SEEN, HIDDEN, OUTLINE = SKY, VERMILION, ORANGE
"""Cells that the mesh explains better, cells that the background explains better, and edges."""
_SMOOTH = 3
"""Lines are drawn this many times too large and scaled down, which smooths them."""
_NEAREST = 0.05
"""Edges end at this depth, in CAD units: nothing at or behind the camera has a projection."""


@dataclass(frozen=True)
class View:
    """From where a camera sees the object.

    Attributes:
        azimuth: radians.
        elevation: radians.
        theta: in-plane rotation, radians.
        distance: of the camera from the origin, in CAD units.
        focal: in pixels.
        image_size: (H, W) in pixels.
    """

    azimuth: float
    elevation: float
    theta: float
    distance: float
    focal: float
    image_size: tuple[int, int]


@dataclass(frozen=True)
class Edge:
    """An edge of a box in an image.

    Attributes:
        start: (u, v) in pixels, not limited to the image.
        end: (u, v) in pixels, not limited to the image.
        hidden: behind the box.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    hidden: bool


def cuboid_edges(bounds: Float[numpy.ndarray, "3 2"], view: View) -> list[Edge]:
    """Project the edges of a box.

    An edge is hidden when both of its sides face away from the camera; a box hides nothing else of itself.

    Args:
        bounds: (low, high) per CAD axis.
        view: of the camera.

    Returns:
        At most 12 edges, hidden ones first, so that visible ones are drawn over them; cut, or left out, where they
        come near the camera's plane.
    """
    rotation = _rotation(view)
    # The camera stands on its own z axis.
    eye = rotation[2] * view.distance
    away = numpy.stack((eye >= bounds[:, 0], eye <= bounds[:, 1]), axis=1)
    edges = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        for ends in product((0, 1), repeat=2):
            points = numpy.empty((2, 3))
            points[:, axis] = bounds[axis]
            points[:, others] = bounds[others, ends]
            line = _project(points @ rotation.T, view)
            if line is not None:
                edges.append(Edge(*line, hidden=bool(away[others, ends].all())))
    return sorted(edges, key=lambda edge: not edge.hidden)


def _rotation(view: View) -> Float[numpy.ndarray, "3 3"]:
    """Rz(theta) Rx(elevation - pi/2) Rz(-azimuth), from CAD to camera axes (right, up, back)."""
    (sin_a, cos_a), (sin_e, cos_e), (sin_t, cos_t) = (
        (math.sin(angle), math.cos(angle)) for angle in (view.azimuth, view.elevation, view.theta)
    )
    turn = numpy.array([[cos_t, -sin_t, 0], [sin_t, cos_t, 0], [0, 0, 1]])
    look = [[cos_a, sin_a, 0], [-sin_e * sin_a, sin_e * cos_a, cos_e], [cos_e * sin_a, -cos_e * cos_a, sin_e]]
    return turn @ numpy.array(look)


def _project(points: Float[numpy.ndarray, "2 3"], view: View) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Ends of a segment in the image, cut at the smallest depth; None when all of it is nearer."""
    depth = view.distance - points[:, 2]
    if depth.max() <= _NEAREST:
        return None
    near, far = int(depth.argmin()), int(depth.argmax())
    if depth[near] < _NEAREST:
        share = (_NEAREST - depth[near]) / (depth[far] - depth[near])
        points[near] += share * (points[far] - points[near])
        depth[near] = _NEAREST
    height, width = view.image_size
    u = width / 2 + view.focal * points[:, 0] / depth
    v = height / 2 - view.focal * points[:, 1] / depth
    return (float(u[0]), float(v[0])), (float(u[1]), float(v[1]))


def draw_overlay(
    image: Image.Image,
    edges: Sequence[Edge] = (),
    *,
    covered: Bool[numpy.ndarray, "h w"] | None = None,
    occluded: Bool[numpy.ndarray, "h w"] | None = None,
    zoom: int = 2,
) -> Image.Image:
    """Draw edges and an occlusion map over an image.

    Args:
        image: to draw on; it is left as it is.
        edges: of ``cuboid_edges``; hidden ones become thin dashes.
        covered: cells of the feature map that see the mesh, tinted ``SEEN``; with ``occluded``.
        occluded: those of them that the background explains better, tinted ``HIDDEN``.
        zoom: the result is this many times as large as the image.

    Returns:
        An RGB image.
    """
    width, height = (side * zoom for side in image.size)
    large = image.convert("RGB").resize((width * _SMOOTH, height * _SMOOTH), Image.Resampling.BICUBIC)
    if covered is not None and occluded is not None:
        tint = _tint(covered, occluded).resize(large.size, Image.Resampling.NEAREST)
        large.paste(tint, mask=tint.getchannel("A"))
    pen = ImageDraw.Draw(large)
    scale = zoom * _SMOOTH
    for edge in edges:
        line = [(scale * u, scale * v) for u, v in (edge.start, edge.end)]
        thin = round(0.35 * scale)
        if edge.hidden:
            for dash in _dashes(*line, 2.0 * scale):
                pen.line(dash, fill=PAPER, width=thin)
        else:
            pen.line(line, fill=INK, width=4 * thin)
            pen.line(line, fill=OUTLINE, width=2 * thin)
    return large.resize((width, height), Image.Resampling.BOX)


def _tint(covered: Bool[numpy.ndarray, "h w"], occluded: Bool[numpy.ndarray, "h w"]) -> Image.Image:
    """One translucent pixel per cell."""
    cells = numpy.zeros((*covered.shape, 4), dtype=numpy.uint8)
    for where, colour in ((covered & ~occluded, SEEN), (covered & occluded, HIDDEN)):
        cells[where] = (*ImageColor.getrgb(colour), 130)
    return Image.fromarray(cells, "RGBA")


def _dashes(
    start: tuple[float, float], end: tuple[float, float], length: float
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Every other piece of a segment."""
    pieces = min(200, max(1, round(math.dist(start, end) / length)))
    (u, v), (across, down) = start, (end[0] - start[0], end[1] - start[1])
    marks = [(u + across * i / pieces, v + down * i / pieces) for i in range(pieces + 1)]
    return list(zip(marks[:-1:2], marks[1::2], strict=True))


def decode_png(data: bytes, where: str, mode: str = "RGB") -> Image.Image:
    """An image from its bytes.

    Args:
        data: of the file.
        where: file and row, for the message.
        mode: of the result, e.g. ``RGB``, or ``1`` for a mask.

    Raises:
        InputError: when it is damaged.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.convert(mode)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise InputError(where, f"holds a damaged image ({error})", REMEDY) from error


def jpeg_text(mosaic: Image.Image, max_bytes: int) -> str:
    """Base64 of the best JPEG whose text has at most ``max_bytes``, down to half the size and a quality of 20."""
    for image in (mosaic, mosaic.reduce(2)):
        for quality in (84, 76, 68, 60, 50, 40, 30, 20):
            stream = io.BytesIO()
            image.save(stream, "JPEG", quality=quality, optimize=True)
            text = base64.b64encode(stream.getvalue()).decode()
            if len(text) <= max_bytes:
                return text
    return text
