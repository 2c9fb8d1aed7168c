"""Gradients block by block: which layers of a network the loss moves most (MEMO, section 4.3)."""

import torch
from torch import nn

from meshcil.models.chain import blocks


def block_gradients(network: nn.Module) -> dict[str, float]:
    """L2 norm of the gradient of each block of the backbone: `gradient_01` for the first, and so on.

    The blocks are those of `meshcil.models.chain.blocks`; one without a gradient is left out.
    """
    norms = {}
    for number, block in enumerate(blocks(network.backbone), start=1):
        gradients = [p.grad.norm() for p in block.parameters() if p.grad is not None]
        if gradients:
            norms[f"gradient_{number:02d}"] = float(torch.stack(gradients).norm())
    return norms
