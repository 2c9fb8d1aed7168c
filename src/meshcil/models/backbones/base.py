"""What every backbone is."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Backbone(nn.Module, ABC):
    """A network from image to feature map.

    Attributes:
        stride: image pixels per map cell.
        channels: channels of the map.
    """

    stride: int
    channels: int

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """Start from trained tensors, by their names in the architecture's public release.

        Raises:
            ValueError: this backbone has no public weights, or a tensor is missing or of another shape.
        """
        raise ValueError("weights: this backbone has no public weights; remove the setting")

    @abstractmethod
    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of normalised images."""
