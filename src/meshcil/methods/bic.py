"""BiC: large scale incremental learning (Wu et al., CVPR 2019): a line corrects the logits of new classes."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from meshcil.config.methods.bic import Settings
from meshcil.methods.base.classifier import ImageClassifier
from meshcil.methods.base.images import ImagePool
from meshcil.methods.wa import Learner as Wa
from meshcil.models.heads import CorrectedLinear, fit_correction


class Learner(Wa):
    """Losses of WA; the bias towards new classes is seen on images of all classes that were held out of training."""

    aligns_weights = False
    settings: Settings

    def build_network(self) -> ImageClassifier:
        """With a head that can be corrected."""
        network = super().build_network()
        network.head = CorrectedLinear(network.backbone.channels)
        return network

    def held_out(self, images: ImagePool) -> Bool[Tensor, " n"] | None:
        """Equally many images of each class after the first step; a class's only image stays in training."""
        if not self._corrects:
            return None
        held = torch.zeros(len(images), dtype=torch.bool)
        for own in self._held(images):
            held[own] = int((images.labels == images.labels[own[0]]).sum()) > 1
        return held

    @property
    def _corrects(self) -> bool:
        return self.step > 0 and self.exemplars is not None and len(self.exemplars) > 0

    def _held(self, images: ImagePool) -> list[Int[Tensor, " k"]]:
        """Positions of each class's images that the correction looks at: the same whatever else is in the pool."""
        kept = self.exemplars.labels.unique(return_counts=True)[1]
        count = max(1, int(self.settings.held_share * int(kept.min())))
        chosen = []
        for label in images.labels.unique().tolist():
            own = (images.labels == label).nonzero()[:, 0]
            order = torch.randperm(len(own), generator=self.generator("held", label))
            chosen.append(own[order[: max(1, min(count, len(own) - 1))]])
        return chosen

    def finish_step(self, images: ImagePool) -> None:
        """Fit the new classes' line on what was held out."""
        super().finish_step(images)
        if not self._corrects:
            return
        parts = [pool.subset(torch.cat(self._held(pool))) for pool in (images, self.exemplars)]
        features = torch.cat([self.pooled(part) for part in parts])
        labels = torch.cat([part.labels for part in parts]).to(self.device)
        head = self.network.head
        assert isinstance(head, CorrectedLinear)
        line = fit_correction(self.logits(features), labels, self.old, self.settings.correction_decay)
        head.factor[self.old :], head.offset[self.old :] = line
