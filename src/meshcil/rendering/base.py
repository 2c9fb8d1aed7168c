"""The result of rasterising a batch of poses, and what a backend must do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from meshcil.geometry.cameras import Camera
from meshcil.geometry.meshes import Mesh


@dataclass(frozen=True, eq=False)
class Fragments:
    """The nearest surface point at each cell centre, for a batch of poses.

    Attributes:
        pix_to_face: triangle of the element's mesh that the cell's ray meets first, whichever way it faces;
            int64, -1 = none.
        pix_to_verts: the triangle's three vertices, int64, -1 = none.
        bary_coords: perspective-correct weights of these vertices, sum 1, so that the hit point is the weighted sum
            of the vertices; -1 = none. Differentiable in pose and distance.
        zbuf: depth of the hit point along the optical axis, in CAD units; -1 = none. Differentiable likewise.
    """

    pix_to_face: Int[Tensor, "B H W"]
    pix_to_verts: Int[Tensor, "B H W 3"]
    bary_coords: Float[Tensor, "B H W 3"]
    zbuf: Float[Tensor, "B H W"]

    @property
    def covered(self) -> Bool[Tensor, "B H W"]:
        """Cells whose ray meets the mesh."""
        return self.pix_to_face >= 0


@dataclass(frozen=True, eq=False)
class RayHits:
    """What a backend returns: fragments with the P cells of the map in one row and one tensor per triangle corner.

    Attributes:
        hit: whether the cell's ray meets the mesh; where it does not, the other fields hold anything finite.
        face: triangle; whole numbers.
        verts: its vertices; whole numbers within the mesh's.
        bary: their weights. Differentiable in pose and distance.
        depth: of the hit point. Differentiable likewise.
    """

    hit: Bool[Tensor, "B P"]
    face: Num[Tensor, "B P"]
    verts: tuple[Num[Tensor, "B P"], Num[Tensor, "B P"], Num[Tensor, "B P"]]
    bary: tuple[Float[Tensor, "B P"], Float[Tensor, "B P"], Float[Tensor, "B P"]]
    depth: Float[Tensor, "B P"]


class Rasterizer(ABC):
    """A way to find the first surface point along each cell's ray."""

    @abstractmethod
    def __call__(
        self,
        meshes: Sequence[Mesh],
        pose: Float[Tensor, "B 3"],
        camera: Camera,
        distance: Float[Tensor, " B"],
    ) -> RayHits:
        """Meet the ray of each cell.

        Args:
            meshes: one for all, or one per pose.
            pose: (azimuth, elevation, theta) in radians.
            camera: of the map.
            distance: of the camera from the origin, in CAD units.

        Returns:
            The hits, in the pose's dtype and on its device.
        """
