"""WA: maintaining discrimination and fairness (Zhao et al. 2020): distillation, then weights are aligned."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from meshcil.config.methods.wa import Settings
from meshcil.methods.base.classifier import IncrementalClassifier
from meshcil.methods.base.method import Batch


class Learner(IncrementalClassifier):
    """The share of old classes weighs the distillation; the head's new rows are rescaled after each step."""

    has_teacher = True
    aligns_weights = True
    settings: Settings

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """``(1 - l) cross-entropy + l distillation`` with l the share of old classes; l is 0 in the first step."""
        share = self.old / self.seen
        terms = {"classification": (1 - share) * functional.cross_entropy(logits, batch.labels)}
        if self.step > 0:
            terms["distillation"] = share * self.distillation(batch, logits, self.settings.temperature)
        return terms
