"""LwF: learning without forgetting (Li and Hoiem 2016): old logits are distilled on the new classes' images."""

from jaxtyping import Float
from torch import Tensor

from meshcil.config.methods.lwf import Settings
from meshcil.methods.base.classifier import IncrementalClassifier, new_class_cross_entropy
from meshcil.methods.base.method import Batch


class Learner(IncrementalClassifier):
    """No exemplars: the teacher's answers to new images stand for the past."""

    has_teacher = True
    settings: Settings

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over the new classes, distillation of the old ones."""
        terms = {"classification": new_class_cross_entropy(logits, batch.labels, self.old)}
        if self.step > 0:
            kept = self.distillation(batch, logits, self.settings.temperature)
            terms["distillation"] = self.settings.distillation_weight * kept
        return terms
