"""The energy network of ELI and its sampler (Joseph et al., CVPR 2022).

The network's output g is the negative energy, E = -g. Latents move along the gradient of g, without noise.
"""

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

_SLOPE = 0.2
"""Of the leaky ReLU, for negative inputs."""


class EnergyNetwork(nn.Module):
    """Multilayer perceptron from a latent to one number.

    Args:
        width: channels of a latent.
        layers: hidden layers; 0 is one linear map.
        hidden: units of a hidden layer.
    """

    def __init__(self, width: int, layers: int, hidden: int) -> None:
        super().__init__()
        widths = [width, *[hidden] * layers, 1]
        self.linear = nn.ModuleList(nn.Linear(before, after) for before, after in itertools.pairwise(widths))

    def forward(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, " n"]:
        """Negative energy of each latent."""
        for layer in self.linear[:-1]:
            latents = functional.leaky_relu(layer(latents), _SLOPE)
        return self.linear[-1](latents)[:, 0]

    @torch.no_grad()
    def gradient(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Gradient of g at each latent.

        g is piecewise linear: its gradient is a product of the weights with the slopes of the pieces, several times
        cheaper than a graph.
        """
        slopes = []
        for layer in self.linear[:-1]:
            latents = layer(latents)
            slopes.append(torch.where(latents > 0, 1.0, _SLOPE))
            latents = latents * slopes[-1]
        gradient = self.linear[-1].weight.expand(len(latents), -1)
        for layer, slope in zip(reversed(self.linear[:-1]), reversed(slopes), strict=True):
            gradient = (gradient * slope) @ layer.weight
        return gradient


@torch.no_grad()
def ascend(
    network: EnergyNetwork, latents: Float[Tensor, "n D"], *, steps: int, step_size: float
) -> Float[Tensor, "n D"]:
    """Follow the gradient of g from ``latents``: z <- z + step_size * grad g(z), ``steps`` times, all rows together.

    Args:
        network: the energy network.
        latents: where to start.
        steps: number of gradient steps (K).
        step_size: their length.

    Returns:
        New latents.
    """
    for _ in range(steps):
        latents = torch.add(latents, network.gradient(latents), alpha=step_size)
    return latents
