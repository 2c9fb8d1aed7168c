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
        for layer in list(self.linear)[:-1]:
            latents = functional.leaky_relu(layer(latents), _SLOPE)
        return self.linear[-1](latents)[:, 0]

    @torch.no_grad()
    def gradient(self, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
        """Gradient of g at each latent: g is piecewise linear, so it is a product of weights with slopes."""
        first = self.linear[0]
        if len(self.linear) == 1:
            return first.weight.expand(len(latents), -1)
        return self.pull(first(latents)) @ first.weight

    def pull(self, hidden: Float[Tensor, "n H"]) -> Float[Tensor, "n H"]:
        """Gradient of g with respect to the first layer's output ``hidden``."""
        # A slice of a ModuleList is a new module: a third of the sampler's time.
        middle, inputs, x = list(self.linear)[1:-1], [], hidden
        for layer in middle:
            inputs.append(x)
            x = layer(functional.leaky_relu(x, _SLOPE))
        gradient = _through_leaky_relu(self.linear[-1].weight.expand_as(x), x)
        for layer, x in zip(reversed(middle), reversed(inputs), strict=True):
            gradient = _through_leaky_relu(gradient @ layer.weight, x)
        return gradient


def _through_leaky_relu(gradient: Float[Tensor, "n H"], inputs: Float[Tensor, "n H"]) -> Float[Tensor, "n H"]:
    # One pass over memory, where a mask and a product take three; half of all time went into them.
    return torch.ops.aten.leaky_relu_backward(gradient, inputs, _SLOPE, False)


@torch.no_grad()
def ascend(
    network: EnergyNetwork, latents: Float[Tensor, "n D"], *, steps: int, step_size: float
) -> Float[Tensor, "n D"]:
    """Follow the gradient of g from ``latents``: z <- z + step_size * grad g(z), ``steps`` times, all rows together.

    The steps are taken in the first layer's output: a move along a gradient changes it by the gradient times the Gram
    matrix of the layer's weights, and the latents follow once, at the end. The same numbers up to rounding, at a cost
    that does not grow with the width of the latents.

    Args:
        network: the energy network.
        latents: where to start.
        steps: number of gradient steps (K).
        step_size: their length.

    Returns:
        New latents.
    """
    first = network.linear[0]
    if len(network.linear) == 1:
        return latents + steps * step_size * first.weight
    gram = first.weight @ first.weight.T
    hidden = first(latents)
    total = torch.zeros_like(hidden)
    for _ in range(steps):
        pull = network.pull(hidden)
        total += pull
        hidden = torch.addmm(hidden, pull, gram, alpha=step_size)
    return torch.addmm(latents, total, first.weight, alpha=step_size)
