"""General triangle meshes, and what is done with either kind of mesh."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from meshcil.core.arguments import own_floats, own_indices, reject
from meshcil.geometry.cuboids import CuboidMesh


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """A triangle mesh in CAD axes.

    Raises ValueError for tensors of the wrong shape or dtype, no faces, indices outside the vertices, coordinates that
    are not finite, zero extent.
    """

    vertices: Float[Tensor, "V 3"]  # CAD coordinates (z-up), floating
    # vertex indices of each triangle, int64. The winding carries no meaning: both sides are seen
    faces: Int[Tensor, "F 3"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices", own_floats("vertices", self.vertices, (None, 3)))
        object.__setattr__(self, "faces", own_indices("faces", self.faces, (None, 3)))
        if len(self.faces) == 0 or len(self.vertices) == 0:
            reject("faces", "hold at least one triangle")
        if int(self.faces.min()) < 0 or int(self.faces.max()) >= len(self.vertices):
            reject("faces", f"index the {len(self.vertices)} vertices")
        if not bool(self.vertices.isfinite().all()):
            reject("vertices", "be finite")
        corners = self.vertices[self.faces].unbind(1)
        if not bool(torch.linalg.cross(corners[1] - corners[0], corners[2] - corners[0]).any()):
            reject("vertices", "span a surface of more than zero extent")

    def to(self, device: torch.device | str) -> "TriangleMesh":
        """The same mesh on another device."""
        return TriangleMesh(self.vertices.to(device), self.faces.to(device))


Mesh = CuboidMesh | TriangleMesh


def stack_vertices(meshes: Sequence[Mesh]) -> Float[Tensor, "B V 3"]:
    """CAD coordinates of several meshes of one dtype and device, padded with zeros to the largest."""
    return pad_sequence([mesh.vertices for mesh in meshes], batch_first=True)
