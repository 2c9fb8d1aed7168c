"""Abstract 2D method: backbone, average pooling, growing linear head, optional pose bins; distillation, aligning."""

import copy
import math
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from meshcil.config.classifier import ClassifierSettings
from meshcil.config.methods.base import PoseHeadSettings
from meshcil.losses.soft_target import soft_target_cross_entropy
from meshcil.memory.ledger import LedgerRow, deployed
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.ledger import extractor_rows, tensor_bytes
from meshcil.methods.base.method import Batch, Method, Phase, Prediction
from meshcil.models.chain import Backbone
from meshcil.models.heads import GrowingLinear, align_new_rows, class_means, nearest_mean_scores
from meshcil.models.pose_bins import BinLayout, PoseBinHead


class ImageClassifier(nn.Module):
    """Backbone, global average pooling and heads."""

    def __init__(self, backbone: Backbone, pose: PoseHeadSettings | None) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = GrowingLinear(backbone.channels)
        self.pose_head = PoseBinHead(backbone.channels, bin_layout(pose), shared=pose.shared) if pose else None

    def grow(self, classes: int, generator: torch.Generator | None) -> None:
        """Give the heads rows for ``classes`` classes."""
        self.head.grow(classes, generator)
        if self.pose_head is not None:
            self.pose_head.grow(classes, generator)

    def features(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """Pooled features."""
        return self.backbone(images).mean(dim=(2, 3))

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        """Class logits."""
        return self.head(self.features(images))


class IncrementalClassifier(Method):
    """What 2D methods share; what differs between them is the loss, what they keep, and how they classify."""

    aligns_weights = False
    """Rescale the new classes' rows of the head when a step is over (WA)."""
    settings: ClassifierSettings
    network: ImageClassifier
    exemplars: ImagePool | None = None
    _means: Float[Tensor, "C D"] | None = None

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

    def build_network(self) -> ImageClassifier:
        """Backbone and empty heads."""
        return ImageClassifier(self.build_backbone(), self.settings.pose)

    def prepare_network(self, seen: int) -> None:
        """Heads of the loaded size."""
        self.network.grow(seen, None)

    def begin_step(self, step: int) -> None:
        """Keep a frozen copy as teacher and grow the heads."""
        self.teacher = self.frozen_copy() if self.has_teacher and step > 0 else None
        self.step = step
        self.network.grow(self.seen, self.generator("head"))

    def frozen_copy(self) -> ImageClassifier:
        """Copy of the network in eval mode without gradients."""
        teacher = copy.deepcopy(self.network).eval()
        return teacher.requires_grad_(False)

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Classification terms of the method and, with a pose head, its bin cross-entropies."""
        with self.autocast():
            features = self.network.features(batch.images)
        features = features.float()
        return self.classification_losses(batch, self.network.head(features)) | self.pose_loss(batch, features)

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Named terms computed from the logits of all seen classes: their cross-entropy, unless a method has others."""
        return {"classification": functional.cross_entropy(logits, batch.labels)}

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

    def consolidate(self, exemplars: ImagePool) -> None:
        """Remember the exemplars, whose class means are the nearest-mean classifier."""
        self.exemplars, self._means = exemplars, None

    @property
    def means(self) -> Float[Tensor, "C D"] | None:
        """Class means of the exemplars' features under the present network; None unless each class has exemplars."""
        kept = self.exemplars
        if kept is None or len(kept.labels.unique()) < self.seen:
            return None
        if self._means is None:
            features, labels = self.pooled(kept), kept.labels.to(self.device)
            if self.settings.mirrored_means:
                mirrored = replace(kept, images=kept.images.flip(3))
                features, labels = torch.cat([features, self.pooled(mirrored)]), labels.repeat(2)
            self._means = class_means(features, labels, self.seen)
        return self._means

    @torch.no_grad()
    def pooled(self, images: ImagePool) -> Float[Tensor, "n D"]:
        """Features of all images as at test time."""
        return torch.cat([self.features(batch) for batch in images.batches(64, self.device)])

    def classify(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Class scores of pooled features: softmax of the head."""
        return functional.softmax(self.logits(features), dim=1)

    def logits(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """What the head says of pooled features."""
        return self.network.head(features)

    def heads(self, features: Float[Tensor, "B D"]) -> dict[str, Int[Tensor, " B"]]:
        """Classes by the linear (or cosine) head and, with exemplars of every class, by the nearest mean."""
        answers = {"linear": self.logits(features).argmax(dim=1)}
        if self.means is not None:
            answers["nearest_mean"] = nearest_mean_scores(features, self.means).argmax(dim=1)
        return answers

    @torch.no_grad()
    def predict(self, images: Float[Tensor, "B 3 H W"]) -> Prediction:
        """Best class and, with a pose head, the most likely bins of that class."""
        self.network.eval()
        features = self.network.features(images)
        scores = self.classify(features)
        labels = scores.argmax(dim=1)
        head = self.network.pose_head
        poses = head.predict(features, labels) if head is not None else None
        return Prediction(scores, labels, poses, heads=self.heads(features))

    @torch.no_grad()
    def features(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B D"]:
        """Pooled features."""
        self.network.eval()
        return self.network.features(images)

    @torch.no_grad()
    def scores(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B C"]:
        """Softmax of the head."""
        return functional.softmax(self.logits(self.features(images)), dim=1)

    @torch.no_grad()
    def latents(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 D"]:
        """Pooled features."""
        return self.features(images)[:, None]

    @torch.no_grad()
    def latent_logits(self, latents: Float[Tensor, "B 1 D"]) -> Float[Tensor, "B C"]:
        """The head's logits."""
        return self.logits(latents[:, 0])

    def ledger_rows(self) -> list[LedgerRow]:
        """Backbone and heads."""
        network = self.network
        rows = [
            *extractor_rows("backbone", network.backbone),
            deployed("head", tensor_bytes(*network.head.parameters())),
        ]
        if network.pose_head is not None:
            rows.append(deployed("pose head", tensor_bytes(*network.pose_head.parameters())))
        return rows

    def network_before(self) -> nn.Module:
        """A new network, without trained weights, in the shape that a state of the step before is loaded into."""
        before = type(self)(self.settings.without_weights(), self.facts, self.device)
        before.step = self.step - 1
        before.prepare_network(before.seen)
        return before.network


def bin_layout(pose: PoseHeadSettings) -> BinLayout:
    """Bins in radians from settings in degrees."""
    low, high = (math.radians(a) for a in pose.elevation_range)
    left, right = (math.radians(a) for a in pose.theta_range)
    return BinLayout(pose.azimuth_bins, pose.elevation_bins, pose.theta_bins, (low, high), (left, right))


def new_class_cross_entropy(logits: Float[Tensor, "B C"], labels: Int[Tensor, " B"], old: int) -> Float[Tensor, ""]:
    """Cross-entropy over the new classes' logits only; labels are shifted by ``old``."""
    return functional.cross_entropy(logits[:, old:], labels - old)
