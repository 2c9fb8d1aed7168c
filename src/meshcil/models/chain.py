"""What every backbone is; those that are one chain of layers, and where such a chain can be cut."""

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class Backbone(nn.Module, ABC):
    """A network from image to feature map."""

    stride: int  # image pixels per map cell
    channels: int  # channels of the map

    def load_weights(self, tensors: dict[str, Tensor]) -> None:
        """Start from trained tensors, by their names in the architecture's public release.

        Raises ValueError when this backbone has no public weights, or a tensor is missing or of another shape.
        """
        raise ValueError("weights: this backbone has no public weights; remove the setting")

    @abstractmethod
    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of normalised images."""


class ChainBackbone(Backbone):
    """A backbone whose layers follow one another; a residual block counts as one layer."""

    layers: nn.Sequential  # the chain, image first

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """Feature map of normalised images."""
        return self.layers(images)


def stage_outputs(
    backbone: Backbone, images: Float[Tensor, "B 3 H W"], count: int, *, before_last_layer: bool = False
) -> list[Float[Tensor, "B _ _ _"]]:
    """Maps at the end of the last ``count`` stages, the last one being the backbone's own.

    A stage begins where the map is halved. ``before_last_layer`` gives the input of the last layer too (the last
    block's, as AFC has it). Raises ValueError when the backbone is not a chain, or does not have that many stages.
    """
    layers = chain_layers(backbone)
    found = [*(start - 1 for start in stage_starts(layers)), len(layers) - 1]
    if not 1 <= count <= len(found):
        raise ValueError(f"count must be from 1 to {len(found)} for {type(backbone).__name__}, got {count}")
    ends = set(found[-count:])
    if before_last_layer:
        ends.add(len(layers) - 2)
    maps, signal = [], images
    for i, layer in enumerate(layers):
        signal = layer(signal)
        if i in ends:
            maps.append(signal)
    return maps


def chain_layers(backbone: Backbone) -> nn.Sequential:
    """The layers of a chain. Raises ValueError when the backbone is not a chain."""
    layers = getattr(backbone, "layers", None)
    if not isinstance(layers, nn.Sequential):
        raise ValueError(f"backbone: {type(backbone).__name__} is not a chain of layers")
    return layers


def stage_starts(layers: nn.Sequential) -> list[int]:
    """Positions of the layers that halve the map, the first layer aside."""
    return [i for i, layer in enumerate(layers) if i > 0 and _halves(layer)]


def blocks(backbone: Backbone) -> list[nn.Module]:
    """Layers of a chain that hold several convolutions or norms: its residual blocks, counted from the image.

    Raises ValueError when the backbone is not a chain.
    """
    return [
        layer for layer in chain_layers(backbone) if sum(1 for m in layer.modules() if isinstance(m, nn.Conv2d)) > 1
    ]


def cut(backbone: Backbone, stages: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Split a chain before its last ``stages`` stages into its own modules; a stage begins where the map is halved.

    So one stage of a CIFAR ResNet is its third, of an ImageNet ResNet its fourth: MEMO's cut (MEMO, section 4.2).
    Raises ValueError when the backbone is not a chain, or does not have that many stages behind its first layer.
    """
    layers = chain_layers(backbone)
    starts = stage_starts(layers)
    if not 1 <= stages <= len(starts):
        raise ValueError(f"stages must be from 1 to {len(starts)} for {type(backbone).__name__}, got {stages}")
    return layers[: starts[-stages]], layers[starts[-stages] :]


def _halves(layer: nn.Module) -> bool:
    kinds = (nn.Conv2d, nn.MaxPool2d)
    return any(isinstance(m, kinds) and m.stride in (2, (2, 2)) for m in layer.modules())
