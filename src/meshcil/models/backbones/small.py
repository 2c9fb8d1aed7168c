"""Backbone of the embedded data: stride 4, residual, with a small receptive field.

A small receptive field keeps an occluder's influence local: features a little away from it stay what they were.
"""

from jaxtyping import Float
from torch import Tensor, nn

from meshcil.models.backbones.base import Backbone


def convolution(channels_in: int, channels_out: int, stride: int) -> tuple[nn.Module, ...]:
    """3x3 convolution, batch normalisation, ReLU."""
    layer = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
    return layer, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C h w"]:
        """Same shape in and out."""
        y = self.activation(self.first_norm(self.first(x)))
        return self.activation(x + self.second_norm(self.second(y)))


class SmallBackbone(Backbone):
    """Stem of stride 4 and ``depth`` residual blocks.

    The receptive field is 11 + 16 * depth pixels.

    Args:
        width: channels of the stem; the map has twice as many.
        depth: residual blocks at map resolution.
    """

    stride = 4

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.channels = 2 * width
        self.stem = nn.Sequential(
            *convolution(3, width, 2), *convolution(width, width, 1), *convolution(width, self.channels, 2)
        )
        self.blocks = nn.Sequential(*(ResidualBlock(self.channels) for _ in range(depth)))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of stride 4."""
        return self.blocks(self.stem(images))


def build(width: int, depth: int) -> Backbone:
    """The backbone for these settings."""
    return SmallBackbone(width, depth)
