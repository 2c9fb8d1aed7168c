"""Abstract 2D method of the class-incremental baselines: first-step settings, distillation, weight aligning."""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.config.classifier import ClassifierSettings
from meshcil.losses.soft_target import soft_target_cross_entropy
from meshcil.methods.base.classifier import ClassifierMethod
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch, Phase
from meshcil.models.weight_aligning import align_new_rows


class IncrementalClassifier(ClassifierMethod):
    """A classifier that learns in steps; what differs between methods is the loss, and what they keep."""

    aligns_weights = False
    """Rescale the new classes' rows of the head when a step is over (WA)."""
    settings: ClassifierSettings

    @property
    def old(self) -> int:
        """Classes seen before the present step."""
        return self.facts.seen(self.step - 1)

    def phases(self) -> list[Phase]:
        """One phase; the first step with its own settings."""
        if self.step > 0:
            return super().phases()
        changes = self.settings.first_step.model_dump(exclude_none=True)
        return [replace(phase, training=phase.training.model_copy(update=changes)) for phase in super().phases()]

    def distillation(self, batch: Batch, logits: Float[Tensor, "B C"], temperature: float) -> Float[Tensor, ""]:
        """Cross-entropy of the old classes' logits with the teacher's; only where there is a teacher."""
        with torch.no_grad(), self.autocast():
            taught = self.teacher(batch.images).float()
        return soft_target_cross_entropy(logits[:, : self.old], taught, temperature=temperature)

    def pose_loss(self, batch: Batch, features: Float[Tensor, "B D"]) -> dict[str, Float[Tensor, ""]]:
        """The pose head's term; none without a pose head."""
        head, pose = self.network.pose_head, self.settings.pose
        if head is None or pose is None:
            return {}
        return {"pose": pose.weight * head.loss(features, batch.labels, batch.poses)}

    def finish_step(self, images: ImagePool) -> None:
        """Align the head's rows where the method does so."""
        if self.aligns_weights and self.step > 0:
            align_new_rows(self.network.head.weight, self.old)
