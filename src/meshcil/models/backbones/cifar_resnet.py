"""ResNet for 32-pixel images (He et al. 2016, section 4.2): what methods use on CIFAR-100.

Depth 32 and width 16 is ResNet-32 with 463,504 parameters and 64 features (MEMO, section 5).
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from meshcil.models.chain import Backbone, ChainBackbone


class SubsampledShortcut(nn.Module):
    """Every second pixel, with zero channels appended: a shortcut without parameters (option A)."""

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C2 h2 w2"]:
        """Half the resolution, twice the channels."""
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, x.shape[1]))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation; halves the map where it doubles the channels.

    ``projection``: where the shape changes, the shortcut is a 1x1 convolution with batch normalisation. ``rectified``:
    ReLU on the sum.
    """

    def __init__(self, channels_in: int, channels_out: int, *, projection: bool, rectified: bool) -> None:
        super().__init__()
        stride = channels_out // channels_in
        self.first = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels_out)
        self.second = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels_out)
        self.rectified = rectified
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 and projection:
            convolution = nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(channels_out))
        elif stride > 1:
            self.shortcut = SubsampledShortcut()

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C2 h2 w2"]:
        """Same shape, or half the resolution and twice the channels."""
        y = torch.relu(self.first_norm(self.first(x)))
        y = self.shortcut(x) + self.second_norm(self.second(y))
        return torch.relu(y) if self.rectified else y


class CifarResNet(ChainBackbone):
    """Stem and three stages of n blocks at strides 1, 2 and 4; 6n + 2 layers (``depth``) with the classifier.

    Stem and first stage have ``width`` channels, the others 2 and 4 times as many. ``cosine`` is the variant for cosine
    classifiers (LUCIR): shortcuts are projections, and the last block has no final ReLU, so that features have both
    signs. Raises ValueError when ``depth`` is not 6n + 2.
    """

    stride = 4

    def __init__(self, width: int, depth: int, *, cosine: bool = False) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"depth must be 8, 14, 20, 26, 32 or another 6n + 2, got {depth}")
        self.channels = 4 * width
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        widths = [width * 2 ** (k // blocks) for k in range(3 * blocks)]
        for k, (before, after) in enumerate(itertools.pairwise([width, *widths])):
            last = k == 3 * blocks - 1
            layers.append(BasicBlock(before, after, projection=cosine, rectified=not (cosine and last)))
        self.layers = nn.Sequential(*layers)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def build(width: int, depth: int) -> Backbone:
    """The backbone for these settings."""
    return CifarResNet(width, depth)
