"""The images that a step trains on."""

from dataclasses import dataclass

from jaxtyping import Bool, Int
from torch import Tensor

from meshcil.methods.base.images import ImagePool


@dataclass(frozen=True)
class TrainingData:
    """Images of a step.

    Attributes:
        pool: new images first, then exemplars.
        replayed: bool [n], exemplars of earlier steps.
    """

    pool: ImagePool
    replayed: Bool[Tensor, " n"]

    def subset(self, chosen: Int[Tensor, " k"]) -> "TrainingData":
        """The images at these positions."""
        return TrainingData(self.pool.subset(chosen), self.replayed[chosen])

    @property
    def new(self) -> ImagePool:
        """The images that are no exemplars."""
        return self.pool.subset((~self.replayed).nonzero()[:, 0])
