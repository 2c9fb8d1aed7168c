"""Building blocks of the procedural shapes: boxes, tubes, ellipsoids, rings and lofts as triangle arrays.

CAD axes as in Pascal3D+: z up, the front of an object towards -y, its left-right axis along x.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import trimesh
from jaxtyping import Float, Int

Vector = Sequence[float] | Float[np.ndarray, "3"]


@dataclass(frozen=True)
class Part:
    """A surface of one material."""

    vertices: Float[np.ndarray, "V 3"]  # CAD axes, float64 [V, 3]
    faces: Int[np.ndarray, "F 3"]  # vertex indices of the triangles, int64 [F, 3]; windings carry no information
    role: str  # name of the material ("body", "glass", "dark", ...), coloured per instance


@lru_cache(maxsize=32)
def _unit(kind: str, detail: int) -> tuple[np.ndarray, np.ndarray]:
    """A trimesh primitive of unit size about the origin, computed once per process."""
    match kind:
        case "box":
            mesh = trimesh.creation.box()
        case "cylinder":
            mesh = trimesh.creation.cylinder(radius=1.0, height=1.0, sections=detail)
        case _:
            mesh = trimesh.creation.uv_sphere(radius=1.0, count=[detail // 2, detail])
    return np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64)


def shifted(point: Vector, x: float, y: float, z: float) -> Float[np.ndarray, "3"]:
    """The point displaced by (x, y, z)."""
    return np.asarray(point, float) + np.array([x, y, z], float)


def box(center: Vector, size: Vector, role: str) -> Part:
    """An axis-aligned box with full edge lengths ``size``."""
    vertices, faces = _unit("box", 0)
    return Part(vertices * np.asarray(size, float) + np.asarray(center, float), faces, role)


def ellipsoid(center: Vector, radii: Vector, role: str, detail: int = 14) -> Part:
    """An axis-aligned ellipsoid."""
    vertices, faces = _unit("sphere", detail)
    return Part(vertices * np.asarray(radii, float) + np.asarray(center, float), faces, role)


def tube(start: Vector, end: Vector, radius: float, role: str, detail: int = 8) -> Part:
    """A capped cylinder from ``start`` to ``end``."""
    vertices, faces = _unit("cylinder", detail)
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = end - start
    length = float(np.linalg.norm(along))
    third = along / length
    helper = np.eye(3)[int(np.argmin(np.abs(third)))]
    first = np.cross(helper, third)
    first /= np.linalg.norm(first)
    frame = np.stack([first * radius, np.cross(third, first) * radius, along])
    return Part(vertices @ frame + (start + end) / 2, faces, role)


def wheel(center: Vector, radius: float, width: float, role: str = "dark", hub: str = "metal") -> list[Part]:
    """A disc wheel on an axle along x, with a hub that shows on both sides."""
    x, y, z = center
    return [
        tube((x - width / 2, y, z), (x + width / 2, y, z), radius, role, detail=18),
        tube((x - width * 0.56, y, z), (x + width * 0.56, y, z), radius * 0.55, hub, detail=12),
    ]


def ring(center: Vector, major: float, minor: float, role: str, detail: int = 26) -> Part:
    """A torus about an axle along x (a tyre)."""
    mesh = _torus(detail)
    vertices = mesh[0].copy()
    flat = vertices[:, 1:] / np.linalg.norm(vertices[:, 1:], axis=1, keepdims=True)
    offset = vertices - np.concatenate([np.zeros((len(flat), 1)), flat], axis=1)
    # The unit torus has radii 1 and 0.1; circle and tube are scaled separately.
    vertices = np.concatenate([np.zeros((len(flat), 1)), flat], axis=1) * major + offset * (minor / 0.1)
    return Part(vertices + np.asarray(center, float), mesh[1], role)


@lru_cache(maxsize=4)
def _torus(detail: int) -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.torus(1.0, 0.1, major_sections=detail, minor_sections=6)
    # trimesh's torus turns about z: z becomes x.
    return np.asarray(mesh.vertices, float)[:, [2, 0, 1]], np.asarray(mesh.faces, np.int64)


def loft(rings: Float[np.ndarray, "R N 3"], role: str, *, closed: bool = True, capped: bool = True) -> Part:
    """A surface through ``R`` rings of ``N`` points each; caps are fans, so rings must be convex.

    ``closed`` joins the last point of each ring with the first, ``capped`` closes the first and the last ring.
    """
    stations, points = rings.shape[:2]
    steps = points if closed else points - 1
    r, n = np.meshgrid(np.arange(stations - 1), np.arange(steps), indexing="ij")
    a, b = r * points + n, r * points + (n + 1) % points
    quads = np.stack([a, b, a + points, b, b + points, a + points], axis=-1).reshape(-1, 3)
    faces = [quads]
    if capped:
        fan = np.arange(1, points - 1)
        cap = np.stack([np.zeros_like(fan), fan, fan + 1], axis=1)
        faces += [cap, cap + (stations - 1) * points]
    return Part(rings.reshape(-1, 3).astype(float), np.concatenate(faces).astype(np.int64), role)


def hull(stations: Sequence[Sequence[float]], role: str, *, power: float = 2.0, detail: int = 16) -> Part:
    """A body along y through superellipse cross-sections ``(y, z_center, half_width, half_height)``.

    A ``power`` of 2 gives ellipses, larger values boxes with round edges; ``detail`` is the points per cross-section.
    """
    angle = (np.arange(detail) + 0.5) * 2 * np.pi / detail
    cosine, sine = np.cos(angle), np.sin(angle)
    x = np.sign(cosine) * np.abs(cosine) ** (2 / power)
    z = np.sign(sine) * np.abs(sine) ** (2 / power)
    rings = [np.stack([x * w, np.full_like(x, y), zc + z * h], axis=1) for y, zc, w, h in stations]
    return loft(np.stack(rings), role)


def prism(
    bottom: Sequence[float],
    top: Sequence[float],
    z_low: float,
    z_high: float,
    role: str,
    *,
    shift: float = 0.0,
    y: float = 0.0,
) -> Part:
    """A frustum between two heights: rectangles of full edges ``(width x, length y)`` at the bottom and the top.

    Both are centred on x = 0, the lower one on ``y``, the upper one displaced along y by ``shift``.
    """
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    low = np.concatenate([corners * bottom, np.full((4, 1), z_low)], axis=1)
    high = np.concatenate([corners * top + [0.0, shift], np.full((4, 1), z_high)], axis=1)
    return moved(loft(np.stack([low, high]), role), (0.0, y, 0.0))


def revolve(
    profile: Sequence[tuple[float, float]],
    role: str,
    *,
    arc: tuple[float, float] | None = None,
    stretch: float = 1.0,
    detail: int = 20,
) -> Part:
    """A surface of revolution about z through ``(radius, z)`` pairs from bottom to top, ``detail`` points per ring.

    ``arc``: angles about z in radians, 0 towards the front (-y), the whole turn when None. ``stretch`` scales along y.
    """
    closed = arc is None
    low, high = (0.0, 2 * np.pi) if arc is None else arc
    angle = np.linspace(low, high, detail, endpoint=not closed)
    unit = np.stack([np.sin(angle), -np.cos(angle) * stretch], axis=1)
    rings = [np.concatenate([unit * r, np.full((detail, 1), z)], axis=1) for r, z in profile]
    return loft(np.stack(rings), role, closed=closed, capped=closed)


def panel(corners: Sequence[Vector], thickness: float, role: str, axis: int = 2) -> Part:
    """A flat plate: a convex polygon given a thickness along one axis."""
    polygon = np.asarray(corners, float)
    offset = np.eye(3)[axis] * thickness / 2
    return loft(np.stack([polygon - offset, polygon + offset]), role)


def moved(part: Part, offset: Vector, scale: Vector = (1.0, 1.0, 1.0)) -> Part:
    """The part scaled about the origin, then displaced."""
    return Part(part.vertices * np.asarray(scale, float) + np.asarray(offset, float), part.faces, part.role)


def mirrored(parts: Sequence[Part]) -> list[Part]:
    """The parts and their mirror images on the other side of the plane x = 0."""
    return [*parts, *(moved(part, (0.0, 0.0, 0.0), (-1.0, 1.0, 1.0)) for part in parts)]
