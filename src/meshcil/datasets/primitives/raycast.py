"""Ray casting of one shape with the Pascal3D+ camera: shaded colour, coverage, shadow on the ground.

The camera is the projection of the Pascal3D+ toolbox in CAD axes, inverted: pixel to ray.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from jaxtyping import Bool, Float

from meshcil.datasets.primitives.shapes import Shape

Texture = Callable[[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"]], Float[np.ndarray, "N 3"]]


@dataclass(frozen=True)
class Viewpoint:
    """A Pascal3D+ viewpoint."""

    azimuth: float  # radians, 0 seen from the front
    elevation: float  # radians
    theta: float  # in-plane rotation, radians
    distance: float  # of the camera from the origin, in CAD units
    focal: float  # pixels
    principal: tuple[float, float]  # (px, py) in pixels, the projection of the origin


@dataclass(frozen=True)
class Lighting:
    """One distant lamp and a sky."""

    direction: Float[np.ndarray, "3"]  # unit vector towards the lamp, CAD axes
    ambient: float  # share of the light that comes from everywhere
    gloss: float  # strength of the highlight


@dataclass(frozen=True)
class Layer:
    """A rendered object to lay over a background."""

    rgb: Float[np.ndarray, "H W 3"]  # colour times coverage, [H, W, 3]
    coverage: Float[np.ndarray, "H W"]  # share of the pixel that shows the object, [H, W]
    shadow: Float[np.ndarray, "H W"]  # share of light kept by the ground behind, [H, W], 1 where no shadow falls

    def mask(self) -> Bool[np.ndarray, "H W"]:
        """Pixels at least half covered."""
        return self.coverage >= 0.5


def camera_rotation(azimuth: float, elevation: float) -> Float[np.ndarray, "3 3"]:
    """Rx(elevation - pi/2) Rz(-azimuth): CAD axes to camera axes (x right, y up, looking along -z)."""
    a, e = -azimuth, elevation - np.pi / 2
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(e), -np.sin(e)], [0, np.sin(e), np.cos(e)]])
    return about_x @ about_z


def camera_position(view: Viewpoint) -> Float[np.ndarray, "3"]:
    """Camera centre in CAD axes."""
    a, e = view.azimuth, view.elevation
    return view.distance * np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])


def project(points: Float[np.ndarray, "N 3"], view: Viewpoint) -> Float[np.ndarray, "N 2"]:
    """Pixel positions (u, v) of points in CAD axes."""
    camera = (points - camera_position(view)) @ camera_rotation(view.azimuth, view.elevation).T
    x, y = view.focal * camera[:, 0] / -camera[:, 2], view.focal * camera[:, 1] / -camera[:, 2]
    cosine, sine = np.cos(view.theta), np.sin(view.theta)
    u, v = cosine * x - sine * y + view.principal[0], view.principal[1] - (sine * x + cosine * y)
    return np.stack([u, v], axis=1)


def _directions(view: Viewpoint, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Unnormalised ray directions in CAD axes through pixel positions (u, v); inverts `project`."""
    x, y = (u - view.principal[0]) / view.focal, -(v - view.principal[1]) / view.focal
    cosine, sine = np.cos(view.theta), np.sin(view.theta)
    camera = np.stack([cosine * x + sine * y, cosine * y - sine * x, -np.ones_like(x)], axis=-1)
    return camera @ camera_rotation(view.azimuth, view.elevation)


def _window(shape: Shape, view: Viewpoint, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns that can show the object."""
    places = project(shape.vertices, view)
    low, high = np.floor(places.min(axis=0)).astype(int), np.ceil(places.max(axis=0)).astype(int) + 1
    (left, top), (right, bottom) = np.clip(low, 0, (width, height)), np.clip(high, 0, (width, height))
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _grid(rows: slice, columns: slice, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Sample positions (u, v), ``samples`` a pixel along each axis, row by row."""
    steps = [(np.arange(s.start * samples, s.stop * samples) + 0.5) / samples for s in (rows, columns)]
    v, u = np.meshgrid(*steps, indexing="ij")
    return u.ravel(), v.ravel()


def _pixels(values: np.ndarray, rows: slice, columns: slice, samples: int) -> np.ndarray:
    """Mean of each pixel's samples; values are [samples in all, channels]."""
    shape = ((rows.stop - rows.start) * samples, (columns.stop - columns.start) * samples, values.shape[1])
    grid = values.reshape(shape)
    total = sum(grid[i::samples, j::samples] for i in range(samples) for j in range(samples))
    return np.asarray(total) / samples**2


def _cast(scene: EmbreeScene, origins: np.ndarray, directions: np.ndarray) -> dict[str, np.ndarray]:
    return scene.run(origins.astype(np.float32), directions.astype(np.float32), query="INTERSECT", output=True)


def _occluded(scene: EmbreeScene, origins: np.ndarray, direction: np.ndarray) -> np.ndarray:
    directions = np.broadcast_to(direction, origins.shape).astype(np.float32)
    return scene.run(origins.astype(np.float32), directions, query="OCCLUDED") == 0


@dataclass(frozen=True)
class _Surface:
    """What the rays hit: points, normals towards the camera, directions to it, and colour, all [N, 3]."""

    points: np.ndarray
    normals: np.ndarray
    towards: np.ndarray
    albedo: np.ndarray


def _surface(
    shape: Shape, colours: np.ndarray, origin: np.ndarray, rays: np.ndarray, hits: dict[str, np.ndarray]
) -> _Surface:
    towards = -rays / np.linalg.norm(rays, axis=1, keepdims=True)
    normals = hits["Ng"].astype(float)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    normals *= np.sign((normals * towards).sum(axis=1, keepdims=True))
    points = origin + rays * hits["tfar"][:, None]
    return _Surface(points, normals, towards, colours[shape.face_roles[hits["primID"]]])


def _shade(scene: EmbreeScene, surface: _Surface, light: Lighting) -> np.ndarray:
    """Lambert with a cast shadow, a sky that is brighter above, and a highlight."""
    normals = surface.normals
    lit = np.clip(normals @ light.direction, 0, 1)
    lit[lit > 0] *= ~_occluded(scene, (surface.points + normals * 1e-3)[lit > 0], light.direction)
    half = surface.towards + light.direction
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    shine = light.gloss * (lit > 0) * np.clip((normals * half).sum(axis=1), 0, 1) ** 30
    sky = light.ambient * (0.75 + 0.25 * normals[:, 2])
    return np.clip(surface.albedo * (sky + (1.25 - light.ambient) * lit)[:, None] + shine[:, None], 0, 1)


def _ground_shadow(
    scene: EmbreeScene, view: Viewpoint, floor: float, light: Lighting, height: int, width: int
) -> np.ndarray:
    """Where the plane under the object, seen at each pixel, lies in the object's shadow."""
    position = camera_position(view)
    u, v = _grid(slice(0, height), slice(0, width), 1)
    rays = _directions(view, u, v)
    reach = (floor - position[2]) / np.where(np.abs(rays[:, 2]) < 1e-9, 1e-9, rays[:, 2])
    points = position + rays * reach[:, None]
    near = (reach > 0) & (np.hypot(points[:, 0], points[:, 1]) < 1.6)
    dark = np.zeros(height * width, bool)
    dark[near] = _occluded(scene, points[near] + [0, 0, 1e-4], light.direction)
    return dark.reshape(height, width)


def render(
    shape: Shape,
    colours: Float[np.ndarray, "R 3"],
    view: Viewpoint,
    light: Lighting,
    size: tuple[int, int],
    *,
    samples: int = 2,
    ground: float = 0.0,
    texture: Texture | None = None,
) -> Layer:
    """Render one object, its albedo per material given by ``colours`` or changed by ``texture`` (of points and albedo).

    ``size`` is (height, width) in pixels; pixel (row, column) covers [row, row + 1) x [column, column + 1), ``samples``
    rays along each axis. ``ground`` is the strength of the shadow on the ground, 0 for none.
    """
    height, width = size
    scene = EmbreeScene()
    TriangleMesh(scene, shape.vertices[shape.faces].astype(np.float32))
    position, window = camera_position(view), _window(shape, view, height, width)
    rays = _directions(view, *_grid(*window, samples))
    hits = _cast(scene, np.broadcast_to(position, rays.shape), rays)
    found = hits["primID"] >= 0
    surface = _surface(shape, colours, position, rays[found], {key: value[found] for key, value in hits.items()})
    if texture is not None:
        surface = replace(surface, albedo=texture(surface.points, surface.albedo))
    colour = np.zeros((len(rays), 3))
    colour[found] = _shade(scene, surface, light)
    rgb, coverage, shadow = np.zeros((height, width, 3)), np.zeros((height, width)), np.ones((height, width))
    rgb[window] = _pixels(colour, *window, samples)
    coverage[window] = _pixels(found.astype(float)[:, None], *window, samples)[..., 0]
    if ground > 0 and position[2] > shape.vertices[:, 2].min():
        shadow -= ground * _ground_shadow(scene, view, shape.vertices[:, 2].min(), light, height, width)
    return Layer(rgb, coverage, shadow)
