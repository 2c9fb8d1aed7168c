"""Neural mesh model: a network to unit features per cell, and the vertex features it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from meshcil.geometry.cuboids import CuboidMesh
from meshcil.models.chain import Backbone
from meshcil.models.etf import unit_vectors
from meshcil.models.frames import centroid_frame, grown_centroids, turn

Fill = Callable[[Tensor, int, torch.Generator], Tensor]
"""From centroids [N, D] and a size V to the vertex features [N, V, D] of every partition."""


class FeatureNetwork(nn.Module):
    """Backbone, linear projection with bias, L2 normalisation per cell (iNeMo, section 3)."""

    def __init__(self, backbone: Backbone, dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.projection = nn.Conv2d(backbone.channels, dim, 1)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D h w"]:
        """Unit features of every map cell."""
        # Unit length in full precision, also where the layers compute in bfloat16.
        return functional.normalize(self.projection(self.backbone(images)).float(), dim=1)

    @torch.no_grad()
    def refit(self, cells: Float[Tensor, "M C"], shift: Float[Tensor, "M D"], ridge: float = 1e-3) -> None:
        """Move the projection, and nothing else, so that its outputs at the given cells change by ``shift``.

        Linear least squares over weights and bias from backbone outputs ``cells`` to changes before normalisation; the
        penalty on the change is ``ridge`` times the mean squared input.
        """
        inputs = functional.pad(cells.double(), (0, 1), value=1.0)
        gram = inputs.T @ inputs / len(inputs)
        penalty = ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        change = torch.linalg.solve(gram + penalty, inputs.T @ shift.double() / len(inputs)).T
        self.projection.weight += change[:, :-1, None, None].to(self.projection.weight)
        self.projection.bias += change[:, -1].to(self.projection.weight)


@dataclass(frozen=True)
class LatentSpace:
    """Vertex features of every partition and the background bank; tensors without gradients."""

    centroids: Float[Tensor, "N D"]  # float [N, D], one fixed unit vector per partition
    bank: Float[Tensor, "N V D"]  # float [N, V, D], unit vertex features; row c belongs to class c of the run's order
    background: Float[Tensor, "G D"]  # float [G, D], unit background features, a ring
    cursor: int = 0  # column of `background` that is written next

    @classmethod
    def create(
        cls, partitions: int, vertices: int, dim: int, columns: int, fill: Fill, generator: torch.Generator
    ) -> "LatentSpace":
        """Latent space before training (iNeMo, section 4).

        Space is set aside for ``partitions`` classes (N) of ``vertices`` rows each (V), at least the largest class's
        vertex count, filled by ``fill``; ``columns`` is the size of the background bank.
        """
        centroids = centroid_frame(partitions, dim, generator)
        bank = fill(centroids, vertices, generator)
        return cls(centroids, bank, unit_vectors(columns, dim, generator))

    def grow(
        self, partitions: int, used: int, fill: Fill, generator: torch.Generator, *, follow: bool = True
    ) -> "LatentSpace":
        """The space with more partitions: features of ``used`` ones turn with their centroids, others start anew.

        Without ``follow``, the control, centroids are drawn anew and features stay.
        """
        device = self.bank.device
        if follow:
            centroids = grown_centroids(self.centroids.cpu(), partitions, generator)
        else:
            centroids = centroid_frame(partitions, self.centroids.shape[1], generator)
        bank = fill(centroids, self.bank.shape[1], generator).to(device)
        centroids = centroids.to(device)
        kept = self.bank[:used]
        bank[:used] = turn(kept, self.centroids[:used], centroids[:used]) if follow else kept
        return replace(self, centroids=centroids, bank=bank)

    def to(self, device: torch.device) -> "LatentSpace":
        """The same on ``device``."""
        return replace(
            self, centroids=self.centroids.to(device), bank=self.bank.to(device), background=self.background.to(device)
        )

    def state(self) -> dict[str, Any]:
        """Tensors and cursor for a checkpoint."""
        return {"centroids": self.centroids, "bank": self.bank, "background": self.background, "cursor": self.cursor}


def class_meshes(bounds: Float[Tensor, "C 3 2"], target_vertices: int) -> list[CuboidMesh]:
    """One cuboid mesh per class."""
    return [CuboidMesh.from_bounds(b, target_vertices) for b in bounds]


def valid_rows(meshes: list[CuboidMesh], partitions: int, vertices: int, *, unused: bool) -> Bool[Tensor, "N V"]:
    """Which of N x V bank entries exist: the vertices of the seen classes' meshes; what follows them is padding.

    With ``unused`` whole partitions past the seen classes exist too (H-bar of iNeMo, eq. 8).
    """
    valid = torch.zeros(partitions, vertices, dtype=torch.bool)
    for row, mesh in enumerate(meshes):
        valid[row, : len(mesh.vertices)] = True
    if unused:
        valid[len(meshes) :] = True
    return valid


@torch.no_grad()
def update_vertices(
    bank: Float[Tensor, "C V D"],
    features: Float[Tensor, "M D"],
    target: Int[Tensor, " M"],
    images_per_class: Int[Tensor, " C"],
    *,
    momentum: float = 0.9,
) -> Float[Tensor, "C V D"]:
    """Move bank entries towards the features seen at their vertices; a new ``[C, V, D]`` bank.

    ``theta_k <- normalise(momentum theta_k + (1 - momentum) g_k)``, g_k = sum of the features at vertex k divided by
    the number of images of the class in the batch, whether or not they show k (iNeMo, vertex bank update). A vertex
    seen in few of them hence moves less; entries seen by no feature are unchanged bit for bit. Features and entries are
    unit vectors, ``target`` is ``class * V + vertex``. Raises ValueError when ``momentum`` is outside [0, 1], or a
    target's class has no image in the batch.
    """
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum must be in [0, 1], got {momentum}")
    images = images_per_class[target // bank.shape[1]]
    if not bool((images > 0).all()):
        raise ValueError("images_per_class must be positive for the class of every target")
    entries, slot = target.unique(return_inverse=True)
    shares = features.to(bank.dtype) / images[:, None]
    mean = bank.new_zeros(len(entries), bank.shape[2]).index_add_(0, slot, shares)
    updated = bank.clone()
    flat = updated.flatten(0, 1)
    flat[entries] = torch.nn.functional.normalize(momentum * flat[entries] + (1 - momentum) * mean, dim=1)
    return updated


@torch.no_grad()
def write_background(
    background: Float[Tensor, "G D"], cursor: int, features: Float[Tensor, "K D"]
) -> tuple[Float[Tensor, "G D"], int]:
    """Overwrite the oldest unit entries of the background bank, a ring: a new bank and the next cursor.

    The cursor counts entries, not batches, so every entry is reached whatever the batch size is. Of more than G
    features the last G are kept. Raises ValueError when ``cursor`` is outside [0, G).
    """
    size = background.shape[0]
    if not 0 <= cursor < size:
        raise ValueError(f"cursor must be in [0, {size}), got {cursor}")
    where = (cursor + torch.arange(features.shape[0], device=background.device)) % size
    following = (cursor + features.shape[0]) % size
    updated = background.clone()
    updated[where[-size:]] = features[-size:].to(background.dtype)
    return updated, following
