"""CIFAR ResNet for cosine classifiers (LUCIR, PODNet): 466,256 parameters at width 16 and depth 32."""

from meshcil.models.backbones.cifar_resnet import CifarResNet
from meshcil.models.chain import Backbone


def build(width: int, depth: int) -> Backbone:
    """The backbone for these settings."""
    return CifarResNet(width, depth, cosine=True)
