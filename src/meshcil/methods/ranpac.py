"""RanPAC: random projections and pre-trained models (McDonnell et al., NeurIPS 2023)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshcil.config.methods.ranpac import Settings
from meshcil.core.seeding import torch_generator
from meshcil.methods.base.frozen import FrozenMethod
from meshcil.models.closed_form import one_hot, random_features, random_projection, ridge


class Learner(FrozenMethod):
    """Ridge regression from random features to classes; sums over all images are kept, no image."""

    settings: Settings
    carried_only = frozenset({"gram", "class sums"})

    def learn(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        """Add the step's images to the sums, choose the ridge on a fifth of them, and solve."""
        known, width = self.statistics, self.settings.dimensions
        if not known:
            generator = torch_generator(self.facts.seed, self.settings.kind, "projection")
            known["projection"] = random_projection(features.shape[1], width, generator).to(self.device)
            known["gram"] = torch.zeros(width, width, dtype=torch.float64, device=self.device)
            known["class sums"] = known["gram"][:, :0]
        rows, targets = random_features(features, known["projection"]), one_hot(labels, self.seen)
        sums = known["class sums"]
        known["gram"] = known["gram"] + rows.T @ rows
        known["class sums"] = torch.cat([sums, sums.new_zeros(width, self.seen - self.old)], dim=1) + rows.T @ targets
        known["head"] = ridge(known["gram"], known["class sums"], self.strength(rows, targets)).float()

    def strength(self, rows: Float[Tensor, "n M"], targets: Float[Tensor, "n C"]) -> float:
        """The ridge, a power of ten, that predicts a fifth of the step's images best from the others."""
        order = torch.randperm(len(rows), generator=self.generator("ridge")).to(rows.device)
        held = order[: len(rows) // 5] if len(rows) >= 5 else order
        fitted = order[len(held) :] if len(rows) >= 5 else order
        gram, cross = rows[fitted].T @ rows[fitted], rows[fitted].T @ targets[fitted]
        powers = [10.0**power for power in range(-8, 9)]
        errors = [(rows[held] @ ridge(gram, cross, power) - targets[held]).square().mean() for power in powers]
        return powers[int(torch.stack(errors).argmin())]

    def logits(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """What the regression predicts."""
        return random_features(features, self.statistics["projection"]).float() @ self.statistics["head"]
