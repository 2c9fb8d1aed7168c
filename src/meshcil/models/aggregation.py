"""Two parallel branches, mixed after every stage (AANets, Liu et al., CVPR 2021).

The plastic branch learns freely. The stable branch keeps the base network's convolutions and learns one factor per
pair of input and output channel, and the affine parts of batch normalisation.
"""

import copy
import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from meshcil.models.chain import Backbone, chain_layers, stage_starts


class ScaledConv2d(nn.Module):
    """A convolution whose weights are fixed up to a learned factor per pair of input and output channel."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = nn.Parameter(convolution.weight.detach().clone(), requires_grad=False)
        out, ins = convolution.weight.shape[:2]
        self.scale = nn.Parameter(torch.ones(out, ins, 1, 1))
        self.stride, self.padding = convolution.stride, convolution.padding

    def forward(self, x: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C2 h2 w2"]:
        """The convolution with scaled weights."""
        return functional.conv2d(x, self.weight * self.scale, stride=self.stride, padding=self.padding)


class AggregatedBackbone(Backbone):
    """A chain of layers that can be doubled; both branches read the mixture that the stage before has left.

    ``mixing`` is the plastic branch's share at the start, in [0, 1]. Raises ValueError when ``chain`` is not a chain of
    layers.
    """

    def __init__(self, chain: Backbone, mixing: float) -> None:
        super().__init__()
        layers = chain_layers(chain)
        starts = [0, *stage_starts(layers), len(layers)]
        self.stride, self.channels = chain.stride, chain.channels
        self.plastic = nn.ModuleList(layers[a:b] for a, b in itertools.pairwise(starts))
        self.stable: nn.ModuleList | None = None
        self.mixing: nn.Parameter | None = None
        self._start = mixing

    def add_stable_branch(self) -> None:
        """Add the stable branch, a copy of the plastic one with its convolutions fixed."""
        device = next(self.parameters()).device
        self.stable = nn.ModuleList(_scaled(copy.deepcopy(stage)) for stage in self.plastic).to(device)
        self.mixing = nn.Parameter(torch.full((len(self.plastic),), self._start, device=device))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C h w"]:
        """The plastic branch alone, or ``a plastic + (1 - a) stable`` after every stage."""
        signal = images
        for i, stage in enumerate(self.plastic):
            if self.stable is None or self.mixing is None:
                signal = stage(signal)
            else:
                signal = self.mixing[i] * stage(signal) + (1 - self.mixing[i]) * self.stable[i](signal)
        return signal


def _scaled(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, ScaledConv2d(child) if isinstance(child, nn.Conv2d) else _scaled(child))
    return module
