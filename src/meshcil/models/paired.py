"""A network that learns beside the same network as it began (APER, Zhou et al., IJCV 2024)."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.models.chain import Backbone
from meshcil.models.heads import GrowingLinear


class PairedBackbone(Backbone):
    """Maps of a frozen copy and of the network itself, in this order, channel after channel."""

    def __init__(self, adapted: Backbone) -> None:
        super().__init__()
        self.stride, self.channels = adapted.stride, 2 * adapted.channels
        self.original = copy.deepcopy(adapted).requires_grad_(False).eval()
        self.adapted = adapted

    def train(self, mode: bool = True) -> "PairedBackbone":
        """Only the network itself changes its mode: the copy's batch statistics stand still."""
        super().train(mode)
        self.original.eval()
        return self

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Both maps."""
        return torch.cat([self.original(images), self.adapted(images)], dim=1)


class SecondHalfLinear(GrowingLinear):
    """A head that reads the second half of its features alone: those of the network that learns."""

    def forward(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Logits of all classes."""
        return super().forward(features[:, self.dim :])
