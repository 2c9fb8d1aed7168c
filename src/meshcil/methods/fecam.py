"""FeCAM: the heterogeneity of class distributions (Goswami et al., NeurIPS 2023), with a covariance per class."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshcil.config.methods.fecam import Settings
from meshcil.methods.base.frozen import FrozenMethod
from meshcil.models.closed_form import ladder, shrunk_correlation, squared_distances


class Learner(FrozenMethod):
    """A class is the mean of its features and the directions in which they spread."""

    settings: Settings

    def learn(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        """Mean of each new class, and the inverse of its features' correlation."""
        power, diagonal, others = self.settings.power, self.settings.diagonal, self.settings.off_diagonal
        groups = self.by_class(features, labels)
        spreads = torch.stack([shrunk_correlation(ladder(own, power), diagonal, others) for own in groups])
        # The mean is transformed, as the public code has it, not the mean of what is transformed.
        self.append("class prototypes", torch.stack([own.mean(dim=0) for own in groups]))
        self.append("class precisions", torch.linalg.pinv(spreads, hermitian=True).float())

    def logits(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Minus the squared Mahalanobis distances."""
        power, known = self.settings.power, self.statistics
        means = ladder(known["class prototypes"], power)
        return -squared_distances(ladder(features, power), means, known["class precisions"])
