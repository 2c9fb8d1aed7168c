"""The best of a grid of start poses, without rendering anything per image: by similarities, or by their likelihood.

Similarities of all vertices of a class have much in common (the positional loss sees to it), so that front and back
explain an image almost equally well by max(o, b). What tells them apart is which vertex a cell resembles most: the
likelihood that the contrastive loss trained.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Generic, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import embedding_bag

from meshcil.core.arguments import reject
from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh
from meshcil.inference.similarity import passing_bytes
from meshcil.rendering.rasterization import rasterize

V = TypeVar("V")


class ByteCache(Generic[V]):
    """Values by key; the least recently used go first when all together would exceed a bound.

    Attributes:
        max_bytes: the bound. A value that alone exceeds it is not kept.
        held_bytes: what is kept now.
    """

    def __init__(self, max_bytes: int, size: Callable[[V], int]) -> None:
        """Start empty.

        Args:
            max_bytes: the bound.
            size: bytes of a value.
        """
        self.max_bytes = max_bytes
        self.held_bytes = 0
        self._size = size
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of a key, made if it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = make()
        size = self._size(value)
        if size <= self.max_bytes:
            while self.held_bytes + size > self.max_bytes:
                _, oldest = self._values.popitem(last=False)
                self.held_bytes -= self._size(oldest)
            self._values[key] = value
            self.held_bytes += size
        return value


STARTS = {
    "paper": (range(0, 360, 30), (-30, 0, 30, 60), (-30, 0, 30)),
    "fine": (range(0, 360, 10), (-30, -12, 6, 24, 42, 60), (-30, 0, 30)),
}
"""Azimuths, elevations and thetas of the start poses in degrees, by name."""


def start_poses(
    dtype: torch.dtype = torch.float32, device: torch.device | str = "cpu", starts: str = "paper"
) -> Float[Tensor, "S 3"]:
    """The 12 x 4 x 3 start poses, azimuth outermost and theta innermost (iNeMo), or others in `STARTS`.

    (azimuth, elevation, theta) in radians.
    """
    degrees = torch.tensor(list(product(*STARTS[starts])), dtype=torch.float64)
    return (degrees * (math.pi / 180)).to(dtype=dtype, device=device)


@dataclass(frozen=True, eq=False)
class StartGrid:
    """The fragments of one mesh at all start poses, as weighted sums over a table [V * P, B] of similarities.

    A row is a covered cell of a pose. Rows of a pose lie together.
    """

    index: Int[Tensor, " R3"]  # table rows v * P + p of the three vertices of each row, ``[3 R]``
    weight: Float[Tensor, " R3"]  # their barycentric weights, ``[3 R]``
    cell: Int[Tensor, " R"]  # p of each row, ``[R]``
    first: Int[Tensor, " S1"]  # first row of each pose, and R

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors."""
        return sum(part.nbytes for part in (self.index, self.weight, self.cell, self.first))

    def gain(
        self,
        table: Float[Tensor, "V P B"],
        background: Float[Tensor, "P B"],
        nothing: Float[Tensor, "P B"] | None = None,
    ) -> Float[Tensor, "S B"]:
        """How much better each pose explains each image than the background alone: one minus the published start loss.

        mean over all cells of max(o, b) - b, with o the rendered similarity, ``nothing`` or 0 where nothing is rendered
        (iNeMo; NeMo). ``background`` is whatever the table of ``relative_similarity`` is relative to.
        """
        values = table.flatten(0, 1)
        # Where nothing is rendered, o = 0, which only exceeds a background below 0.
        empty = (background.neg() if nothing is None else nothing - background).clamp_(min=0)
        below = empty if bool(empty.any()) else None
        parts = self._parts(passing_bytes(table.device) // (background[0].numel() * table.element_size()))
        totals = [self._total(values, below, poses, rows) for poses, rows in parts]
        return (torch.cat(totals) + empty.sum(0)) / len(background)

    def _parts(self, most: int) -> Iterator[tuple[slice, slice]]:
        """Ranges of poses that together have few rows, and these rows."""
        first, start = self.first.tolist(), 0
        for stop in range(1, len(first)):
            if stop + 1 == len(first) or first[stop + 1] - first[start] > most:
                yield slice(start, stop), slice(first[start], first[stop])
                start = stop

    def _total(self, values: Tensor, empty: Tensor | None, poses: slice, rows: slice) -> Float[Tensor, "S B"]:
        """Sum over the covered cells of some poses of max(o, b) - b, less what they would gain by staying empty."""
        corners = slice(3 * rows.start, 3 * rows.stop)
        count = rows.stop - rows.start
        triples = torch.arange(0, 3 * count + 1, 3, dtype=self.index.dtype, device=values.device)
        rendered = embedding_bag(
            self.index[corners],
            values,
            triples,
            mode="sum",
            per_sample_weights=self.weight[corners],
            include_last_offset=True,
        ).relu_()
        if empty is not None:
            rendered -= empty[self.cell[rows].long()]
        everything = torch.arange(count, dtype=self.index.dtype, device=values.device)
        first = self.first[poses.start : poses.stop + 1] - rows.start
        return embedding_bag(everything, rendered, first, mode="sum", include_last_offset=True)


def start_grid(
    mesh: Mesh, camera: Camera, distance: float, dtype: torch.dtype, device: torch.device, starts: str = "paper"
) -> StartGrid:
    """Rasterise a mesh at all start poses; kept per mesh and all the other arguments, up to 1 GiB in all."""
    key = (mesh, camera, distance, dtype, device, starts)
    return GRIDS.get(key, lambda: _rasterize_starts(*key))


@torch.inference_mode(False)
def _rasterize_starts(
    mesh: Mesh, camera: Camera, distance: float, dtype: torch.dtype, device: torch.device, starts: str
) -> StartGrid:
    poses, (height, width) = start_poses(dtype, device, starts), camera.image_size
    parts: list[list[Tensor]] = [[], [], []]
    counts = [0]
    # A few poses at a time: dense fragments of all would be large for nothing.
    for some in poses.split(12):
        fragments = rasterize(mesh, some, camera, distance)
        covered = fragments.covered
        cell = covered.flatten(1).nonzero()[:, 1]
        parts[0].append(fragments.pix_to_verts[covered] * (height * width) + cell[:, None])
        parts[1].append(fragments.bary_coords[covered])
        parts[2].append(cell)
        counts += covered.flatten(1).sum(1).tolist()
    index, weight, cell = (torch.cat(part) for part in parts)
    first = torch.tensor(counts, device=device).cumsum(0)
    small = torch.int32 if len(mesh.vertices) * height * width < 2**31 else torch.int64
    return StartGrid(index.flatten().to(small), weight.flatten(), cell.to(small), first.to(small))


GRIDS = ByteCache[StartGrid](2**30, lambda grid: grid.nbytes)
"""Start grids of meshes that were searched."""


@dataclass(frozen=True)
class PoseLikelihood:
    """What a pose is worth, as a sum over cells.

    With Z = sum over the class's vertices of exp(kappa s) + w sum over the background of exp(kappa b), the denominator
    of the contrastive loss (iNeMo, eq. 8), a cell that sees the mesh counts log(exp(kappa o) / Z), one that does not
    log(w sum exp(kappa b) / Z); no cell counts less than ``-floor``, so that hidden parts cost no more than that.
    Raises ValueError for a number out of range.
    """

    kappa: float  # concentration of the contrastive loss
    background_weight: float  # w; 0 for no background
    floor: float = 5.0  # in nats, positive

    def __post_init__(self) -> None:
        if not (self.kappa > 0 and self.floor > 0 and self.background_weight >= 0):
            reject("kappa, floor and background_weight", f"be positive, the last at least 0, but they are {self}")


def soft_background(
    columns: Float[Tensor, "D P B"], background: Float[Tensor, "G D"], likelihood: PoseLikelihood
) -> Float[Tensor, "P B"]:
    """log(w sum exp(kappa b)) / kappa of each cell of ``map_columns``, in blocks of cells."""
    _, cells, images = columns.shape
    if likelihood.background_weight == 0:
        return columns.new_full((cells, images), -torch.inf)
    width = max(1, passing_bytes(columns.device) // (len(background) * columns.element_size()))
    parts = [(likelihood.kappa * background @ part).logsumexp(0) for part in columns.flatten(1).split(width, dim=1)]
    return ((torch.cat(parts) + math.log(likelihood.background_weight)) / likelihood.kappa).view(cells, images)


def likelihood_gain(
    grid: StartGrid,
    table: Float[Tensor, "V P B"],
    background: Float[Tensor, "P B"],
    soft: Float[Tensor, "P B"],
    likelihood: PoseLikelihood,
) -> Float[Tensor, "S B"]:
    """The log-likelihood of each start pose, per cell and up to a constant per image, divided by kappa.

    The table of ``relative_similarity`` to ``background`` is changed while this runs, and brought back; ``soft`` is of
    ``soft_background``.
    """
    kappa = likelihood.kappa
    cells = max(1, passing_bytes(table.device) // (table[:, 0].numel() * table.element_size()))
    vertices = torch.cat([(kappa * part).logsumexp(0) for part in table.split(cells, dim=1)]) / kappa + background
    # The similarity at which a cell counts -floor.
    lowest = (torch.logaddexp(kappa * vertices, kappa * soft) - likelihood.floor) / kappa
    table += background - lowest
    gain = grid.gain(table, lowest, nothing=soft)
    table -= background - lowest
    return gain
