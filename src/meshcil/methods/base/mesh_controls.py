"""Controls of iNeMo: vertices without identities of their own, and which background cells are learned."""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

Identity = Literal["own", "shuffled", "class"]
Sampling = Literal["random", "near", "hard"]

_NEAR_CELLS = 2


def vertex_names(
    identity: Identity, labels: Int[Tensor, " B"], members: Bool[Tensor, "C V"], generator: torch.Generator
) -> Int[Tensor, "B V"]:
    """Row of the class's bank that each vertex of an image stands for.

    Args:
        identity: `own`; `shuffled`, the class's rows in a random order for each image; `class`, the first row alone.
        labels: class of each image.
        members: rows that are vertices of each class.
        generator: for the order.
    """
    own = torch.arange(members.shape[1], device=labels.device).expand(len(labels), -1)
    if identity == "own":
        return own
    if identity == "class":
        return torch.zeros_like(own)
    # Padding stays behind the vertices and in order.
    lots = torch.rand(own.shape, generator=generator).to(own.device)
    return torch.where(members[labels], lots, 1 + own).argsort(1)


def renamed(near: Bool[Tensor, "M V"], names: Int[Tensor, "M V"]) -> Bool[Tensor, "M V"]:
    """Columns of ``near``, which speak of vertices, at the rows of the bank that stand for them."""
    return torch.zeros_like(near, dtype=torch.uint8).scatter_reduce_(1, names, near.to(torch.uint8), "amax").bool()


def draw_background(
    maps: Float[Tensor, "B D h w"],
    free: Bool[Tensor, "B h w"],
    count: int,
    sampling: Sampling,
    bank: Float[Tensor, "N D"] | None,
    generator: torch.Generator,
) -> Float[Tensor, "K D"]:
    """Features of at most ``count`` cells per image outside the object.

    Args:
        maps: unit features.
        free: cells that do not see the object.
        count: cells per image; fewer where fewer are free.
        sampling: `random`; `near`, within two cells of the object as far as there are such cells; `hard`, those most
            like a row of ``bank``.
        bank: unit features of vertices; only `hard` reads them.
        generator: for the draws.
    """
    lots = torch.rand((len(free), free[0].numel()), generator=generator).to(free.device)
    if sampling == "near":
        size = 2 * _NEAR_CELLS + 1
        close = functional.max_pool2d((~free).float()[:, None], size, stride=1, padding=_NEAR_CELLS)[:, 0] > 0
        lots = (lots + close.flatten(1)) / 2
    elif sampling == "hard" and bank is not None:
        lots = 1 + (maps.detach().flatten(2).transpose(1, 2) @ bank.T).amax(2)
    lots = lots * free.flatten(1)
    drawn, cell = lots.topk(min(count, lots.shape[1]), dim=1)
    image, column = (drawn > 0).nonzero(as_tuple=True)
    return maps.flatten(2)[image, :, cell[image, column]]
