"""FeTrIL: feature translation for exemplar-free learning (Petit et al., WACV 2023), with a linear head."""

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from meshcil.config.methods.fetril import Settings
from meshcil.memory.ledger import LedgerRow, carried
from meshcil.methods.base.classifier import IncrementalClassifier
from meshcil.methods.base.images import ImagePool, LatentPool
from meshcil.methods.base.ledger import tensor_bytes
from meshcil.methods.base.method import Batch, Phase


class Learner(IncrementalClassifier):
    """The first step trains the backbone; of each class only its mean feature is kept.

    In a later step every old class borrows the features of the new class most like it, moved to its own mean.
    """

    settings: Settings
    mean_features: Float[Tensor, "C D"] | None = None
    latent_set: LatentPool | None = None

    def begin_step(self, step: int) -> None:
        """Grow the heads; the backbone stays as the first step left it."""
        super().begin_step(step)
        self.network.backbone.requires_grad_(step == 0)

    def phases(self) -> list[Phase]:
        """A later step trains the heads on the set of all features, real and pseudo, of images as they are."""
        return [replace(phase, latents=self.latent_set) for phase in super().phases()]

    def prepare_step(self, images: ImagePool) -> None:
        """The set of features that a later step trains on, and the means of its classes."""
        self.latent_set = None
        if self.step == 0:
            return
        features, labels = self.pooled(images), images.labels.to(self.device)
        self._add_means(features, labels)
        pseudo, targets = self.pseudo_features(features, labels)
        poses = images.poses.to(self.device)
        poses = torch.cat([poses, poses.new_full((len(pseudo), 3), torch.nan)])
        labels = torch.cat([labels, targets])
        self.latent_set = LatentPool(torch.cat([features, pseudo]), labels, poses, labels < self.old)

    def finish_step(self, images: ImagePool) -> None:
        """Means of the first classes under the trained backbone."""
        self.latent_set = None
        if self.step == 0:
            self._add_means(self.pooled(images), images.labels.to(self.device))

    def _add_means(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        means = torch.stack([features[labels == c].mean(dim=0) for c in range(self.old, self.seen)])
        kept = self.mean_features
        self.mean_features = means if kept is None else torch.cat([kept[: self.old], means])

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy of the heads, in a later step over a batch of the set of features."""
        if self.step == 0:
            return super().losses(batch)
        terms = self.classification_losses(batch, self.network.head(batch.images))
        real = ~batch.replayed
        if not real.any():
            return terms
        rows = (batch.images[real], batch.labels[real], batch.poses[real], batch.replayed[real])
        return terms | self.pose_loss(Batch(*rows, batch.generator, batch.phase), rows[0])

    def pseudo_features(
        self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, "P D"], Int[Tensor, " P"]]:
        """Pseudo-features of every old class, made from those of one new class each, and their labels."""
        means = self.mean_features
        lender = self.old + nearest_new_class(means[: self.old], means[self.old :])
        parts, targets = [features[:0]], [labels[:0]]
        for label in range(self.old):
            source = lender[label]
            moved = translate(features[labels == source], means[source], means[label])
            parts.append(moved)
            targets.append(labels.new_full((len(moved),), label))
        return torch.cat(parts), torch.cat(targets)

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


def nearest_new_class(old: Float[Tensor, "O D"], new: Float[Tensor, "N D"]) -> Int[Tensor, " O"]:
    """For each old class mean the position of the new class mean with the largest cosine."""
    return (functional.normalize(old, dim=1) @ functional.normalize(new, dim=1).T).argmax(dim=1)


def translate(
    features: Float[Tensor, "B D"], source: Float[Tensor, " D"], target: Float[Tensor, " D"]
) -> Float[Tensor, "B D"]:
    """Features of a class with mean ``source``, moved to the mean ``target``: ``f - source + target``."""
    return features - source + target
