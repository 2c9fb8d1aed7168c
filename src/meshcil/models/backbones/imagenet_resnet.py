"""torchvision's ResNets without their classifier: what methods use on ImageNet.

The stem is 7x7 with stride 2 in every protocol; a toolbox that changes it with the protocol compares unlike networks.
"""

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from meshcil.models.chain import Backbone, ChainBackbone

# MEMO's sweep also has ResNet-10 and a ResNet-26 of bottleneck blocks (MEMO, section 5).
_LAYOUTS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], list[int]]] = {
    10: (BasicBlock, [1, 1, 1, 1]),
    18: (BasicBlock, [2, 2, 2, 2]),
    26: (Bottleneck, [2, 2, 2, 2]),
    34: (BasicBlock, [3, 4, 6, 3]),
    50: (Bottleneck, [3, 4, 6, 3]),
}


class ImageNetResNet(ChainBackbone):
    """Stem with max-pooling and four stages; 512 features (2048 with bottlenecks); depth 10, 18, 26, 34 or 50.

    Raises ValueError for another depth.
    """

    stride = 32

    def __init__(self, depth: int) -> None:
        super().__init__()
        if depth not in _LAYOUTS:
            raise ValueError(f"depth must be one of {', '.join(map(str, _LAYOUTS))}, got {depth}")
        block, blocks = _LAYOUTS[depth]
        trunk = ResNet(block, blocks)
        self.channels = trunk.fc.in_features
        stem = (trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool)
        self.layers = nn.Sequential(*stem, *trunk.layer1, *trunk.layer2, *trunk.layer3, *trunk.layer4)


def build(width: int, depth: int) -> Backbone:
    """The backbone; `width` is fixed by the architecture and ignored."""
    return ImageNetResNet(depth)
