"""Abstract 2D method with a cosine classifier: LUCIR, PODNet, AFC."""

import math

from meshcil.config.classifier import CosineSettings
from meshcil.methods.base.classifier import ImageClassifier, IncrementalClassifier
from meshcil.methods.base.images import ImagePool
from meshcil.models.cosine_head import CosineHead


class CosineMethod(IncrementalClassifier):
    """Cosines make old and new classes comparable; rows of old classes are frozen, new ones start from images."""

    has_teacher = True
    settings: CosineSettings

    def build_network(self) -> ImageClassifier:
        """The network of 2D methods with a cosine classifier."""
        network = super().build_network()
        head = CosineHead(network.backbone.channels, self.settings.scale, self.settings.proxies)
        # The one head that is not linear; it grows as the linear one does.
        network.head = head  # pyright: ignore[reportAttributeAccessIssue]
        return network

    def prepare_network(self, seen: int) -> None:
        """Rows of old classes frozen, rows of new ones not."""
        for classes in (self.old, seen):
            if classes > self.network.head.classes:
                self.network.grow(classes, None)

    def prepare_step(self, images: ImagePool) -> None:
        """Start the new rows from the new classes' images."""
        if self.step > 0 and self.settings.imprint:
            self.network.head.imprint(self.pooled(images), images.labels.to(self.device))

    def class_ratio(self, classes: int) -> float:
        """Root of ``classes`` (the old, or all) per new class: by it distillation grows with what is to be kept."""
        return math.sqrt(classes / (self.seen - self.old))
