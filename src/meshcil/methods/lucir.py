"""LUCIR: learning a unified classifier incrementally via rebalancing (Hou et al., CVPR 2019)."""

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.config.methods.lucir import Settings
from meshcil.losses.pooled_outputs import direction_distillation
from meshcil.losses.ranking import margin_ranking
from meshcil.methods.base.cosine import CosineMethod
from meshcil.methods.base.method import Batch


class Learner(CosineMethod):
    """Features keep their direction, old exemplars their distance from new classes."""

    settings: Settings

    @property
    def feature_weight(self) -> float:
        """Weight of the feature distillation: grows with the old classes per new one (section 3.3)."""
        return self.settings.distillation_weight * self.class_ratio(self.old)

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy and, after the first step, feature distillation and margin ranking of old exemplars."""
        with self.autocast():
            features = self.network.features(batch.images)
        features = features.float()
        cosines = self.network.head.similarities(features)
        terms = self.classification_losses(batch, self.network.head.scale * cosines) | self.pose_loss(batch, features)
        if self.step == 0:
            return terms
        with torch.no_grad(), self.autocast():
            taught = self.teacher.features(batch.images).float()
        replayed = batch.labels < self.old
        ranking = margin_ranking(
            cosines[replayed],
            batch.labels[replayed],
            self.old,
            margin=self.settings.margin,
            hardest=self.settings.hardest,
        )
        kept = self.feature_weight * direction_distillation(features, taught)
        return terms | {"distillation": kept, "margin": self.settings.margin_weight * ranking}
