"""Start poses by the likelihood that the contrastive loss trained, in place of bare similarities.

Similarities of all vertices of a class have much in common (the positional loss sees to it), so that front and back
explain an image almost equally well by max(o, b). What tells them apart is which vertex a cell resembles most.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.core.arguments import reject
from meshcil.inference.similarity import passing_bytes
from meshcil.inference.start_search import StartGrid


@dataclass(frozen=True)
class PoseLikelihood:
    """What a pose is worth, as a sum over cells.

    With Z = sum over the class's vertices of exp(kappa s) + w sum over the background of exp(kappa b), the denominator
    of the contrastive loss (iNeMo, eq. 8), a cell that sees the mesh counts log(exp(kappa o) / Z), one that does not
    log(w sum exp(kappa b) / Z); no cell counts less than ``-floor``, so that hidden parts cost no more than that.

    Attributes:
        kappa: concentration of the contrastive loss.
        background_weight: w; 0 for no background.
        floor: in nats, positive.

    Raises:
        ValueError: a number out of range.
    """

    kappa: float
    background_weight: float
    floor: float = 5.0

    def __post_init__(self) -> None:
        if not (self.kappa > 0 and self.floor > 0 and self.background_weight >= 0):
            reject("kappa, floor and background_weight", f"be positive, the last at least 0, but they are {self}")


def soft_background(
    columns: Float[Tensor, "D P B"], background: Float[Tensor, "G D"], likelihood: PoseLikelihood
) -> Float[Tensor, "P B"]:
    """log(w sum exp(kappa b)) / kappa of each cell, in blocks of cells.

    Args:
        columns: of ``map_columns``.
        background: unit features of the background.
        likelihood: gives kappa and w.
    """
    _, cells, images = columns.shape
    if likelihood.background_weight == 0:
        return columns.new_full((cells, images), -torch.inf)
    width = max(1, passing_bytes(columns.device) // (len(background) * columns.element_size()))
    parts = [(likelihood.kappa * background @ part).logsumexp(0) for part in columns.flatten(1).split(width, dim=1)]
    return ((torch.cat(parts) + math.log(likelihood.background_weight)) / likelihood.kappa).view(cells, images)


def likelihood_gain(
    grid: StartGrid,
    table: Float[Tensor, "V P B"],
    background: Float[Tensor, "P B"],
    soft: Float[Tensor, "P B"],
    likelihood: PoseLikelihood,
) -> Float[Tensor, "S B"]:
    """The log-likelihood of each start pose, per cell and up to a constant per image, divided by kappa.

    Args:
        grid: of the class's mesh.
        table: of ``relative_similarity``; changed while this runs, and brought back.
        background: what the table is relative to.
        soft: of ``soft_background``.
        likelihood: its form.
    """
    kappa = likelihood.kappa
    cells = max(1, passing_bytes(table.device) // (table[:, 0].numel() * table.element_size()))
    vertices = torch.cat([(kappa * part).logsumexp(0) for part in table.split(cells, dim=1)]) / kappa + background
    # The similarity at which a cell counts -floor.
    lowest = (torch.logaddexp(kappa * vertices, kappa * soft) - likelihood.floor) / kappa
    table += background - lowest
    gain = grid.gain(table, lowest, nothing=soft)
    table -= background - lowest
    return gain
