"""Backbones that are one chain of layers, and where such a chain can be cut."""

from jaxtyping import Float
from torch import Tensor, nn

from meshcil.models.backbones.base import Backbone


class ChainBackbone(Backbone):
    """A backbone whose layers follow one another; a residual block counts as one layer.

    Attributes:
        layers: the chain, image first.
    """

    layers: nn.Sequential

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of normalised images."""
        return self.layers(images)


def cut(backbone: Backbone, stages: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Split a chain before its last ``stages`` stages; a stage begins where the map is halved.

    So one stage of a CIFAR ResNet is its third, of an ImageNet ResNet its fourth: MEMO's cut (MEMO, section 4.2).

    Args:
        backbone: a network with its layers in ``layers``.
        stages: how many stages the second part has, at least 1.

    Returns:
        The layers before the cut and those after it; the backbone's own modules, not copies.

    Raises:
        ValueError: the backbone is no chain, or does not have that many stages behind its first layer.
    """
    layers = getattr(backbone, "layers", None)
    if not isinstance(layers, nn.Sequential):
        raise ValueError(f"backbone: {type(backbone).__name__} is not a chain of layers and cannot be cut")
    starts = [i for i, layer in enumerate(layers) if i > 0 and _halves(layer)]
    if not 1 <= stages <= len(starts):
        raise ValueError(f"stages must be from 1 to {len(starts)} for {type(backbone).__name__}, got {stages}")
    return layers[: starts[-stages]], layers[starts[-stages] :]


def _halves(layer: nn.Module) -> bool:
    kinds = (nn.Conv2d, nn.MaxPool2d)
    return any(isinstance(m, kinds) and m.stride in (2, (2, 2)) for m in layer.modules())
