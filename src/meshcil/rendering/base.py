"""The result of rasterising a batch of poses, and what a backend is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh


@dataclass(frozen=True, eq=False)
class Fragments:
    """The nearest surface point at each cell centre, for a batch of poses."""

    # triangle of the element's mesh that the cell's ray meets first, whichever way it faces; int64, -1 = none
    pix_to_face: Int[Tensor, "B H W"]
    pix_to_verts: Int[Tensor, "B H W 3"]  # the triangle's three vertices, int64, -1 = none
    # perspective-correct weights of these vertices, sum 1, so that the hit point is the weighted sum of the vertices;
    # -1 = none. Differentiable in pose and distance
    bary_coords: Float[Tensor, "B H W 3"]
    # depth of the hit point along the optical axis, in CAD units; -1 = none. Differentiable likewise
    zbuf: Float[Tensor, "B H W"]

    @property
    def covered(self) -> Bool[Tensor, "B H W"]:
        """Cells whose ray meets the mesh."""
        return self.pix_to_face >= 0


@dataclass(frozen=True, eq=False)
class RayHits:
    """What a backend returns: fragments with the P cells of the map in one row and one tensor per triangle corner."""

    # whether the cell's ray meets the mesh; where it does not, the other fields hold anything finite
    hit: Bool[Tensor, "B P"]
    face: Num[Tensor, "B P"]  # triangle; whole numbers
    # its vertices; whole numbers within the mesh's
    verts: tuple[Num[Tensor, "B P"], Num[Tensor, "B P"], Num[Tensor, "B P"]]
    # their weights. Differentiable in pose and distance
    bary: tuple[Float[Tensor, "B P"], Float[Tensor, "B P"], Float[Tensor, "B P"]]
    depth: Float[Tensor, "B P"]  # of the hit point. Differentiable likewise


Rasterizer = Callable[[Sequence[Mesh], Float[Tensor, "B 3"], Camera, Float[Tensor, " B"]], RayHits]
"""From meshes (one for all poses, or one each), poses, the map's camera and its distances to the hits of all rays."""
