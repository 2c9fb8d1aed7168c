"""LUCIR: learning a unified classifier incrementally via rebalancing (Hou et al., CVPR 2019)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from meshcil.config.methods.lucir import Settings
from meshcil.losses.ranking import margin_ranking
from meshcil.methods.base.classifier import ImageClassifier
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.incremental import IncrementalClassifier
from meshcil.methods.base.method import Batch
from meshcil.models.cosine_head import CosineHead


class Learner(IncrementalClassifier):
    """Cosines make old and new classes comparable; features keep their direction, old exemplars their distance."""

    has_teacher = True
    settings: Settings

    def build_network(self) -> ImageClassifier:
        """The network of 2D methods with a cosine classifier."""
        network = super().build_network()
        # The one head that is not linear; it grows as the linear one does.
        network.head = CosineHead(network.backbone.channels, self.settings.scale)  # pyright: ignore[reportAttributeAccessIssue]
        return network

    def prepare_network(self, seen: int) -> None:
        """Rows of old classes frozen, rows of new ones not."""
        for classes in (self.old, seen):
            if classes > self.network.head.classes:
                self.network.grow(classes, None)

    def prepare_step(self, images: ImagePool) -> None:
        """Start the new rows from the new classes' images."""
        if self.step > 0:
            self.network.head.imprint(self.pooled(images), images.labels.to(self.device))

    @property
    def feature_weight(self) -> float:
        """Weight of the feature distillation: grows with the old classes per new one (section 3.3)."""
        return self.settings.distillation_weight * math.sqrt(self.old / (self.seen - self.old))

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy and, after the first step, feature distillation and margin ranking of old exemplars."""
        with self.autocast():
            features = self.network.features(batch.images)
        features = features.float()
        cosines = self.network.head.cosines(features)
        terms = self.classification_losses(batch, self.network.head.scale * cosines) | self.pose_loss(batch, features)
        if self.step == 0:
            return terms
        with torch.no_grad(), self.autocast():
            taught = self.teacher.features(batch.images).float()
        kept = 1 - functional.cosine_similarity(features, taught)
        replayed = batch.labels < self.old
        ranking = margin_ranking(
            cosines[replayed],
            batch.labels[replayed],
            self.old,
            margin=self.settings.margin,
            hardest=self.settings.hardest,
        )
        added = {"distillation": self.feature_weight * kept.mean(), "margin": self.settings.margin_weight * ranking}
        return terms | added

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over all seen classes."""
        return {"classification": functional.cross_entropy(logits, batch.labels)}
