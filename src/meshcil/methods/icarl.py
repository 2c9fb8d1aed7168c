"""iCaRL: herded exemplars, distillation of the old logits, nearest-mean classification (Rebuffi et al. 2017).

Softmax form of the public toolboxes (cross-entropy and distillation at equal weight, PyCIL); the original uses
sigmoids for both terms.
"""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from meshcil.config.methods.icarl import Settings
from meshcil.memory.ledger import FLOAT_BYTES, LedgerRow, deployed
from meshcil.methods.base.classifier import IncrementalClassifier
from meshcil.methods.base.method import Batch
from meshcil.models.heads import nearest_mean_scores


class Learner(IncrementalClassifier):
    """iCaRL."""

    has_teacher = True
    settings: Settings

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over all seen classes, distillation of the classes seen before."""
        terms = {"classification": functional.cross_entropy(logits, batch.labels)}
        if self.step > 0:
            kept = self.distillation(batch, logits, self.settings.temperature)
            terms["distillation"] = self.settings.distillation_weight * kept
        return terms

    def classify(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Minus the squared distance to the class means, or the linear head's softmax."""
        if self.settings.head == "linear" or self.means is None:
            return super().classify(features)
        return nearest_mean_scores(features, self.means)

    def latent_logits(self, latents: Float[Tensor, "B 1 D"]) -> Float[Tensor, "B C"]:
        """Minus the squared distance to the class means, or the linear head's logits."""
        if self.settings.head == "linear" or self.means is None:
            return super().latent_logits(latents)
        return nearest_mean_scores(latents[:, 0], self.means)

    def ledger_rows(self) -> list[LedgerRow]:
        """The class means are stored with the model, where it is they that classify."""
        rows = super().ledger_rows()
        if self.settings.head == "linear":
            return rows
        return [*rows, deployed("class means", FLOAT_BYTES * self.seen * self.network.backbone.channels)]
