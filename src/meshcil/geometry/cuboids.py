"""Cuboid class meshes: six regular grids on the sides of a box (NeMo)."""

import functools
import math
from dataclasses import dataclass
from numbers import Real

import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshcil.core.arguments import checked, own_floats, reject, require_finite, whole_numbers


@checked
def fit_cuboid(vertices: Float[Tensor, "V 3"], coverage: Real = 0.99) -> Float[Tensor, "3 2"]:
    """Bounds (low, high) per axis of the box that holds the share ``coverage`` of a class's CAD vertices (NeMo).

    On each axis by itself: of the windows of the sorted coordinates that span int(coverage * V) steps, the shortest;
    the first of those that are equal but for rounding. Raises ValueError for no vertices, coordinates that are not
    finite, or a coverage outside (0, 1].
    """
    if len(vertices) == 0:
        reject("vertices", "hold at least one vertex")
    if not 0 < coverage <= 1:
        reject("coverage", f"be in (0, 1], but it is {coverage}")
    require_finite(vertices=vertices)
    ordered = vertices.sort(dim=0).values
    span = min(int(coverage * len(vertices)), len(vertices) - 1)
    windows = torch.stack((ordered[: len(ordered) - span], ordered[span:]), -1)
    length = windows[..., 1] - windows[..., 0]
    # Coordinates of CAD files are decimal fractions: lengths that are equal there differ by the rounding of both ends.
    rounding = 2 * torch.finfo(length.dtype).eps * ordered.abs().amax(0)
    # argmin may return any of several equal minima; the first is wanted.
    first = (length <= length.amin(0) + rounding).to(torch.int8).argmax(0)
    return windows[first, torch.arange(3, device=vertices.device)]


@dataclass(frozen=True, eq=False)
class CuboidMesh:
    """A box whose six sides carry regular grids of vertices (NeMo's "single" cuboid).

    Sides in this order: z-low, z-high (rows along y, columns along x), y-low, y-high (rows z, columns x), x-low, x-high
    (rows z, columns y). Sides share no vertices. Each quad (m, n) of a side has two triangles, (m,n) (m,n+1) (m+1,n)
    and (m+1,n+1) (m,n+1) (m+1,n); the winding carries no meaning. Raises ValueError for bounds of the wrong shape or
    dtype, not finite, or of zero extent on an axis; counts that are not three whole numbers, below 1, or without any
    triangle.
    """

    bounds: Float[Tensor, "3 2"]  # (low, high) per CAD axis
    # grid samples along x, y and z, both ends included; a single sample lies at the low end, and the sides that would
    # need two samples there have vertices but no triangles
    counts: tuple[int, int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "bounds", own_floats("bounds", self.bounds, (3, 2)))
        object.__setattr__(self, "counts", whole_numbers("counts", self.counts, 3))
        require_finite(bounds=self.bounds)
        if not bool((self.bounds[:, 0] < self.bounds[:, 1]).all()):
            reject("bounds", f"have low < high on every axis, but they are {self.bounds.tolist()}")
        if min(self.counts) < 1 or sorted(self.counts)[1] < 2:
            reject("counts", f"be at least 1, and at least 2 on two axes, but they are {self.counts}")

    @classmethod
    @checked
    def from_bounds(cls, bounds: Float[Tensor, "3 2"], target_vertices: int = 1000) -> "CuboidMesh":
        """The mesh whose vertices are about equally spaced and about as many as wanted (NeMo).

        Grid edge e = sqrt(surface / target_vertices); int(extent / e + 1) samples per axis. Dtype and device are those
        of the bounds. Raises ValueError for bounds that are not finite or of zero extent on an axis, or a target too
        small for a triangle.
        """
        if target_vertices < 1:
            reject("target_vertices", f"be at least 1, but it is {target_vertices}")
        x, y, z = extents = (bounds[:, 1] - bounds[:, 0]).double().tolist()
        edge = math.sqrt(max(2 * (x * y + y * z + x * z), 0) / target_vertices)
        if not (math.isfinite(edge) and min(extents) > 0):
            reject("bounds", f"be finite with low < high on every axis, but they are {bounds.tolist()}")
        nx, ny, nz = (int(extent / edge + 1) for extent in extents)
        return cls(bounds, (nx, ny, nz))

    @functools.cached_property
    @torch.inference_mode(False)
    def vertices(self) -> Float[Tensor, "V 3"]:
        """CAD coordinates, ``[V, 3]``."""
        grid = [
            torch.linspace(float(low), float(high), count, dtype=torch.float64)
            for (low, high), count in zip(self.bounds.double(), self.counts, strict=True)
        ]
        sides = []
        for axis, rows, columns in _SIDES:
            for end in self.bounds[axis].double().cpu():
                side = torch.empty(len(grid[rows]), len(grid[columns]), 3, dtype=torch.float64)
                side[..., axis] = end
                side[..., rows] = grid[rows][:, None]
                side[..., columns] = grid[columns]
                sides.append(side.flatten(0, 1))
        return torch.cat(sides).to(self.bounds)

    @functools.cached_property
    @torch.inference_mode(False)
    def faces(self) -> Int[Tensor, "F 3"]:
        """Vertex indices of each triangle, int64 ``[F, 3]``."""
        sides, first = [], 0
        for _, rows, columns in _SIDES:
            height, width = self.counts[rows], self.counts[columns]
            for _ in range(2):
                index = first + torch.arange(height * width).view(height, width)
                near, right, below, across = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
                quads = torch.stack((near, right, below, across, right, below), -1)
                sides.append(quads.reshape(-1, 3))
                first += height * width
        return torch.cat(sides).to(self.bounds.device)

    def to(self, device: torch.device | str) -> "CuboidMesh":
        """The same mesh on another device."""
        return CuboidMesh(self.bounds.to(device), self.counts)


# The axis a pair of sides is normal to, the axis of its grid's rows, and the axis of its columns.
_SIDES = ((2, 1, 0), (1, 2, 0), (0, 2, 1))
