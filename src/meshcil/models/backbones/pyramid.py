"""Two-level backbone of the embedded data: detail at stride 4, context at stride 8, cheap on a CPU.

Context is computed where cells are few, and added to the detail; each block at stride 8 widens the receptive field by
32 pixels at a quarter of the cost of one at stride 4.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from meshcil.models.backbones.resnet10 import ResidualBlock, convolution
from meshcil.models.chain import Backbone


class PyramidBackbone(Backbone):
    """Stem of stride 4, one block there, ``depth`` blocks at stride 8, merged at stride 4.

    The receptive field is 51 + 32 * depth pixels. The stem has ``width`` channels, the map twice, the context level
    four times as many.
    """

    stride = 4

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.channels = 2 * width
        self.stem = nn.Sequential(*convolution(3, width, 2), *convolution(width, self.channels, 2))
        self.detail = ResidualBlock(self.channels)
        self.down = nn.Sequential(*convolution(self.channels, 4 * width, 2))
        self.context = nn.Sequential(*(ResidualBlock(4 * width) for _ in range(depth)))
        self.lateral = nn.Conv2d(4 * width, self.channels, 1)
        self.merge = ResidualBlock(self.channels)

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of stride 4."""
        detail = self.detail(self.stem(images))
        context = self.lateral(self.context(self.down(detail)))
        wide = functional.interpolate(context, size=detail.shape[-2:], mode="bilinear", align_corners=False)
        return self.merge(detail + wide)


def build(width: int, depth: int) -> Backbone:
    """The backbone for these settings."""
    return PyramidBackbone(width, depth)
