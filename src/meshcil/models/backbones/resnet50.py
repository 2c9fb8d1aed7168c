"""ResNet-50 with the U-Net decoder of neural mesh models: stride 8, 256 channels (iNeMo, section 3; NeMo)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet50

from meshcil.models.chain import Backbone


class DoubleConvolution(nn.Sequential):
    """Twice: 3x3 convolution with bias, batch normalisation, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, channels_mid: int | None = None) -> None:
        middle = channels_mid or channels_out
        super().__init__(
            nn.Conv2d(channels_in, middle, 3, padding=1),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, channels_out, 3, padding=1),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
        )


class ResNet50Decoder(Backbone):
    """torchvision's ResNet-50 trunk, upsampled to stride 8 with skip connections.

    With a 3 x 640 x 800 input the map is 256 x 80 x 100; with the 128-d projection of the mesh model there are
    81 356 736 parameters.
    """

    stride = 8
    channels = 256

    def __init__(self) -> None:
        super().__init__()
        trunk = resnet50(weights=None)
        self.stem = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool, trunk.layer1, trunk.layer2)
        self.layer3 = trunk.layer3
        self.layer4 = trunk.layer4
        self.reduce = DoubleConvolution(2048, 1024)
        self.up1 = DoubleConvolution(2048, 512, 1024)
        self.up2 = DoubleConvolution(1024, 256, 512)

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """Fill the trunk from a ResNet-50 state in torchvision's names (DINO's release uses them); no classifier."""
        trunk = resnet50(weights=None)
        wanted = {name: tensor for name, tensor in tensors.items() if not name.startswith("fc.")}
        try:
            missing, unexpected = trunk.load_state_dict(wanted, strict=False)
        except RuntimeError as error:
            raise ValueError(f"weights: shapes differ from ResNet-50's ({error})") from error
        missing = [name for name in missing if not name.startswith("fc.")]
        if missing or unexpected:
            raise ValueError(f"weights: not a ResNet-50 state (missing {missing[:3]}, unknown {unexpected[:3]})")
        mine = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool, trunk.layer1, trunk.layer2)
        self.stem.load_state_dict(mine.state_dict())
        self.layer3.load_state_dict(trunk.layer3.state_dict())
        self.layer4.load_state_dict(trunk.layer4.state_dict())

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of stride 8."""
        x1 = self.stem(images)
        x2 = self.layer3(x1)
        x3 = self.layer4(x2)
        u1 = self.up1(torch.cat([x2, _upsample(self.reduce(x3), x2)], 1))
        return self.up2(torch.cat([x1, _upsample(u1, x1)], 1))


def _upsample(x: Tensor, like: Tensor) -> Tensor:
    up = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    rows, columns = like.shape[-2] - up.shape[-2], like.shape[-1] - up.shape[-1]
    return functional.pad(up, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


def build(width: int, depth: int) -> Backbone:
    """The backbone; `width` and `depth` are fixed by the architecture and ignored."""
    return ResNet50Decoder()
