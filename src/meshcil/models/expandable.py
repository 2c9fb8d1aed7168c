"""Networks that grow a part per step (DER, Yan et al. 2021; MEMO, section 4): shared layers, then parallel parts."""

import copy
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from meshcil.models.chain import Backbone
from meshcil.models.heads import GrowingLinear


class ExpandableBackbone(Backbone):
    """Shared layers (the identity for DER) followed by one part per step, whose maps are concatenated along channels.

    What is frozen is in eval mode even while the network trains: with ``freeze_shared`` the shared layers as soon as
    there is a second part, with ``freeze_parts`` all parts but the newest. ``channels`` are those of one part's map.
    """

    def __init__(
        self,
        shared: nn.Module,
        part: nn.Module,
        *,
        stride: int,
        channels: int,
        freeze_shared: bool,
        freeze_parts: bool = True,
    ) -> None:
        super().__init__()
        self.shared = shared
        self.parts = nn.ModuleList([part])
        self.stride = stride
        self.part_channels = channels
        self.freeze_shared = freeze_shared
        self.freeze_parts = freeze_parts

    @property
    def channels(self) -> int:
        """Channels of all parts together."""
        return self.part_channels * len(self.parts)

    def expand(self) -> None:
        """Add a copy of the newest part, running statistics included, and freeze what is older."""
        part = copy.deepcopy(self.parts[-1])
        if self.freeze_parts:
            self.parts.requires_grad_(False)
        if self.freeze_shared:
            self.shared.requires_grad_(False)
        self.parts.append(part.requires_grad_(True))

    def train(self, mode: bool = True) -> "ExpandableBackbone":
        """Training mode for what is not frozen."""
        super().train(mode)
        for part in self.parts[:-1]:
            part.train(mode and not self.freeze_parts)
        if self.freeze_shared and len(self.parts) > 1:
            self.shared.eval()
        return self

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Concatenated feature maps, oldest part first."""
        shared = self.shared(images)
        return torch.cat([part(shared) for part in self.parts], dim=1)


def widen(head: GrowingLinear, dim: int, generator: torch.Generator | None) -> None:
    """Give ``head`` columns for ``dim`` features; old columns stay, new ones are Kaiming-uniform (zero to be loaded).

    Raises ValueError when ``dim`` is less than the head has.
    """
    new = dim - head.dim
    if new < 0:
        raise ValueError(f"dim must be at least the {head.dim} columns there are, not {dim}")
    columns = torch.zeros(head.classes, new)
    if generator is not None:
        bound = math.sqrt(3.0 / dim)
        columns.uniform_(-bound, bound, generator=generator)
    head.weight = nn.Parameter(torch.cat([head.weight.detach(), columns.to(head.weight.device)], dim=1))
    head.dim = dim


def auxiliary_targets(labels: Int[Tensor, " B"], old: int) -> Int[Tensor, " B"]:
    """Classes of the auxiliary head (DER): 0 for every one of the ``old`` classes, then the new classes from 1."""
    return (labels - old + 1).clamp(min=0)
