"""ACIL: analytic class-incremental learning (Zhuang et al., NeurIPS 2022): recursive ridge regression."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshcil.config.methods.acil import Settings
from meshcil.core.seeding import torch_generator
from meshcil.methods.base.frozen import FrozenMethod
from meshcil.models.closed_form import add_rows, one_hot, random_features, random_projection

_BATCH = 256


class Learner(FrozenMethod):
    """Each step updates the solution of the steps before to that of one ridge regression on all images so far."""

    settings: Settings
    carried_only = frozenset({"inverse"})

    def learn(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        """Add the step's images to the regression."""
        known, width = self.statistics, self.settings.dimensions
        if not known:
            generator = torch_generator(self.facts.seed, self.settings.kind, "projection")
            known["projection"] = random_projection(features.shape[1], width, generator).to(self.device)
            known["inverse"] = torch.eye(width, dtype=torch.float64, device=self.device) / self.settings.ridge
            known["head"] = known["inverse"][:, :0]
        weights = known["head"]
        known["head"] = torch.cat([weights, weights.new_zeros(width, self.seen - self.old)], dim=1)
        for part in torch.arange(len(features), device=self.device).split(_BATCH):
            rows = random_features(features[part], known["projection"])
            targets = one_hot(labels[part], self.seen)
            known["inverse"], known["head"] = add_rows(known["inverse"], known["head"], rows, targets)

    def logits(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """What the regression predicts."""
        return (random_features(features, self.statistics["projection"]) @ self.statistics["head"]).float()
