"""ResNet-10 with a stem for small images: what 2D methods use on the embedded data.

One residual block per stage at strides 4, 8 and 16. At width 17 it has the size of the mesh model's `pyramid`, at width
32 its cost.
"""

from jaxtyping import Float
from torch import Tensor, nn

from meshcil.models.backbones.base import Backbone
from meshcil.models.backbones.small import ResidualBlock, convolution


class ResNet10(Backbone):
    """Stem of stride 4 and three stages.

    Args:
        width: channels of the stem; the stages have 2, 4 and 8 times as many.
        depth: residual blocks per stage.
    """

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

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of stride 16."""
        return self.layers(images)


def build(width: int, depth: int) -> Backbone:
    """The backbone for these settings."""
    return ResNet10(width, depth)
