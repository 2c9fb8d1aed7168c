"""iCaRL: herded exemplars, distillation of the old logits, nearest-mean classification (Rebuffi et al. 2017).

Softmax form of the public toolboxes (cross-entropy and distillation at equal weight, PyCIL); the original uses
sigmoids for both terms.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from meshcil.config.methods.icarl import Settings
from meshcil.losses.soft_target import soft_target_cross_entropy
from meshcil.memory.ledger import FLOAT_BYTES, LedgerRow, deployed
from meshcil.methods.base.classifier import ClassifierMethod
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch
from meshcil.models.heads import class_means, nearest_mean_scores


class Learner(ClassifierMethod):
    """iCaRL."""

    has_teacher = True
    settings: Settings

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over all seen classes, distillation of the classes seen before."""
        terms = {"classification": functional.cross_entropy(logits, batch.labels)}
        if self.teacher is not None:
            with torch.no_grad(), self.autocast():
                taught = self.teacher(batch.images).float()
            weight, temperature = self.settings.distillation_weight, self.settings.temperature
            kept = logits[:, : taught.shape[1]]
            terms["distillation"] = weight * soft_target_cross_entropy(kept, taught, temperature=temperature)
        return terms

    @torch.no_grad()
    def consolidate(self, exemplars: ImagePool) -> None:
        """Class means of the exemplars' features under the present network."""
        batches = exemplars.batches(64, self.device)
        features = torch.cat([self.features(images) for images in batches])
        self.means = class_means(features, exemplars.labels.to(self.device), self.seen)

    def classify(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Minus the squared distance to the class means, or the linear head's softmax."""
        if self.settings.head == "linear":
            return super().classify(features)
        return nearest_mean_scores(features, self.means)

    def latent_logits(self, latents: Float[Tensor, "B 1 D"]) -> Float[Tensor, "B C"]:
        """Minus the squared distance to the class means, or the linear head's logits."""
        if self.settings.head == "linear":
            return super().latent_logits(latents)
        return nearest_mean_scores(latents[:, 0], self.means)

    def ledger_rows(self) -> list[LedgerRow]:
        """The class means are stored with the model."""
        size = FLOAT_BYTES * self.seen * self.network.backbone.channels
        return [*super().ledger_rows(), deployed("class means", size)]
