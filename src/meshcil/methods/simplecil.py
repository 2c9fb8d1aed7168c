"""SimpleCIL: the nearest class mean by cosine (Zhou et al., IJCV 2024), on a network that stays as it is."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from meshcil.methods.base.frozen import FrozenMethod


class Learner(FrozenMethod):
    """A class is the mean of its features."""

    def learn(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        """Means of the new classes."""
        self.append("class prototypes", torch.stack([own.mean(dim=0) for own in self.by_class(features, labels)]))

    def logits(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Cosines with the class means."""
        means = functional.normalize(self.statistics["class prototypes"], dim=1)
        return functional.normalize(features, dim=1) @ means.T
