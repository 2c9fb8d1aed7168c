"""ResNet-10 with a stem for small images: what 2D methods use on the embedded data.

One residual block per stage at strides 4, 8 and 16. At width 17 it has the size of the mesh model's `pyramid`, at width
32 its cost.
"""

from jaxtyping import Float
from torch import Tensor, nn

from meshcil.models.chain import Backbone, ChainBackbone


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


class ResNet10(ChainBackbone):
    """Stem of stride 4 and three stages of 2, 4 and 8 times its ``width`` channels, ``depth`` residual blocks each."""

    stride = 16

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.channels = 8 * width
        layers = [*convolution(3, width, 2), *convolution(width, 2 * width, 2)]
        for stage, channels in enumerate((2 * width, 4 * width, 8 * width)):
            if stage > 0:
                layers += convolution(channels // 2, channels, 2)
            layers += [ResidualBlock(channels) for _ in range(depth)]
        self.layers = nn.Sequential(*layers)


def build(width: int, depth: int) -> Backbone:
    """The backbone for these settings."""
    return ResNet10(width, depth)
