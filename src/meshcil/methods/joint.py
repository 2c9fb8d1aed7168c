"""joint: each step trains from scratch on all images of all seen classes (a reference)."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from meshcil.methods.base.incremental import IncrementalClassifier
from meshcil.methods.base.method import Batch


class Learner(IncrementalClassifier):
    """Not an incremental method: it needs all data at every step."""

    trains_on_all_data = True

    def begin_step(self, step: int) -> None:
        """Start again from the initial weights."""
        self.network = self.initial_network()
        super().begin_step(step)

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over all seen classes."""
        return {"classification": functional.cross_entropy(logits, batch.labels)}
