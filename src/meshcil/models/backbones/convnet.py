"""Plain convolutional networks: the smallest point of MEMO's performance-memory curves (MEMO, section 5).

Two blocks of 64 channels for CIFAR (38,976 parameters), four blocks for ImageNet (906,240).
"""

import itertools

from torch import nn

from meshcil.models.chain import Backbone, ChainBackbone

_CHANNELS = {2: (64, 64), 4: (128, 128, 128, 512)}


class ConvNet(ChainBackbone):
    """2 or 4 blocks of convolution with bias, batch normalisation, ReLU and 2x2 max-pooling.

    The first convolution of the four-block network is 7x7 with stride 2, all others are 3x3. Raises ValueError for
    another depth.
    """

    def __init__(self, depth: int) -> None:
        super().__init__()
        if depth not in _CHANNELS:
            raise ValueError(f"depth must be 2 or 4, got {depth}")
        widths = _CHANNELS[depth]
        self.channels = widths[-1]
        self.stride = 2**depth if depth == 2 else 2 ** (depth + 1)
        first = nn.Conv2d(3, widths[0], 3, padding=1) if depth == 2 else nn.Conv2d(3, widths[0], 7, 2, padding=3)
        later = [nn.Conv2d(a, b, 3, padding=1) for a, b in itertools.pairwise(widths)]
        self.layers = nn.Sequential(*(_block(convolution) for convolution in (first, *later)))


def _block(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(), nn.MaxPool2d(2))


def build(width: int, depth: int) -> Backbone:
    """The backbone; `width` is fixed by the architecture and ignored."""
    return ConvNet(depth)
