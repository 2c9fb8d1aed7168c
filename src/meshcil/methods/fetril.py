"""FeTrIL: feature translation for exemplar-free learning (Petit et al., WACV 2023), with a linear head."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from meshcil.config.methods.base import AugmentationSettings
from meshcil.config.methods.fetril import Settings
from meshcil.memory.ledger import LedgerRow, carried
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.incremental import IncrementalClassifier
from meshcil.methods.base.ledger import tensor_bytes
from meshcil.methods.base.method import Batch, Phase
from meshcil.models.feature_translation import nearest_new_class, translate


class Learner(IncrementalClassifier):
    """The first step trains the backbone; of each class only its mean feature is kept.

    In a later step every old class borrows the features of the new class most like it, moved to its own mean.
    """

    settings: Settings
    mean_features: Float[Tensor, "C D"] | None = None

    def begin_step(self, step: int) -> None:
        """Grow the heads; the backbone stays as the first step left it."""
        super().begin_step(step)
        self.network.backbone.requires_grad_(step == 0)

    def phases(self) -> list[Phase]:
        """A later step takes its images as they are: the means that move their features are of such images."""
        phases = super().phases()
        if self.step == 0:
            return phases
        unchanged = {"augmentation": AugmentationSettings()}
        return [replace(phase, training=phase.training.model_copy(update=unchanged)) for phase in phases]

    def prepare_step(self, images: ImagePool) -> None:
        """Means of the new classes, if the backbone is final."""
        if self.step > 0:
            self._add_means(images)

    def finish_step(self, images: ImagePool) -> None:
        """Means of the first classes under the trained backbone."""
        if self.step == 0:
            self._add_means(images)

    def _add_means(self, images: ImagePool) -> None:
        features, labels = self.pooled(images), images.labels.to(self.device)
        means = torch.stack([features[labels == c].mean(dim=0) for c in range(self.old, self.seen)])
        kept = self.mean_features
        self.mean_features = means if kept is None else torch.cat([kept[: self.old], means])

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over the new classes' features and the pseudo-features of the old ones."""
        if self.step == 0:
            return super().losses(batch)
        with torch.no_grad():
            features = self.features(batch.images)
        pseudo, labels = self.pseudo_features(features, batch.labels)
        logits = self.network.head(torch.cat([features, pseudo]))
        loss = functional.cross_entropy(logits, torch.cat([batch.labels, labels]))
        return {"classification": loss} | self.pose_loss(batch, features)

    def pseudo_features(
        self, features: Float[Tensor, "B D"], labels: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "P D"], Int[Tensor, " P"]]:
        """Pseudo-features of old classes made from a batch of new ones, and their labels."""
        means = self.mean_features
        lender = self.old + nearest_new_class(means[: self.old], means[self.old :])
        parts, targets = [features[:0]], [labels[:0]]
        for label in range(self.old):
            source = lender[label]
            moved = translate(features[labels == source], means[source], means[label])
            parts.append(moved)
            targets.append(labels.new_full((len(moved),), label))
        return torch.cat(parts), torch.cat(targets)

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over the first step's classes."""
        return {"classification": functional.cross_entropy(logits, batch.labels)}

    def state(self) -> dict[str, Any]:
        """Network and class means."""
        return super().state() | ({} if self.mean_features is None else {"means": self.mean_features})

    def load_state(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        super().load_state(state)
        self.network.backbone.requires_grad_(self.step == 0)
        self.mean_features = state["means"].to(self.device) if "means" in state else None

    def ledger_rows(self) -> list[LedgerRow]:
        """The mean features are read by the next step, not by prediction."""
        rows = super().ledger_rows()
        kept = self.mean_features
        return rows if kept is None else [*rows, carried("mean features", tensor_bytes(kept))]
