"""Abstract method that grows a part of the network at each step: DER, MEMO."""

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from meshcil.config.classifier import ExpandableSettings
from meshcil.memory.ledger import FLOAT_BYTES, LedgerRow, training_only
from meshcil.methods.base.classifier import ImageClassifier, IncrementalClassifier
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch
from meshcil.models.expandable import ExpandableBackbone, auxiliary_targets, widen
from meshcil.models.heads import GrowingLinear


class ExpandableMethod(IncrementalClassifier):
    """Old parts stay as they were; the newest learns with an auxiliary classifier of its own (DER, section 3).

    The head reads all parts. After a step its new rows are aligned, as the PyCIL toolbox and MEMO's tables have it;
    DER's paper retrains the head on balanced data instead, and prunes, which no memory figure of MEMO includes.
    """

    aligns_weights = True
    settings: ExpandableSettings

    def build_network(self) -> ImageClassifier:
        """The first step's network."""
        return ImageClassifier(self.build_expandable(), self.settings.pose)

    @abstractmethod
    def build_expandable(self) -> ExpandableBackbone:
        """The backbone with one part."""

    def begin_step(self, step: int) -> None:
        """Add a part, columns and rows of the heads, and a new auxiliary head."""
        self.step = step
        self._grow(self.generator("head"), auxiliary=step > 0)

    def load_state(self, state: dict[str, Any]) -> None:
        """Inverse of `state`; while a step trains there is an auxiliary head, afterwards none."""
        self.step = int(state["step"])
        self._grow(None, auxiliary="auxiliary.weight" in state["network"])
        self.network.load_state_dict(state["network"])

    def _grow(self, generator: torch.Generator | None, *, auxiliary: bool) -> None:
        backbone = self.network.backbone
        while len(backbone.parts) <= self.step:
            backbone.expand()
        widen(self.network.head, backbone.channels, generator)
        if self.network.pose_head is not None:
            widen(self.network.pose_head.linear, backbone.channels, generator)
        self.network.grow(self.seen, generator)
        head = GrowingLinear(backbone.part_channels).to(self.device) if auxiliary else None
        if head is not None:
            head.grow(self.seen - self.old + 1, generator)
        # A part of the network, so that the optimiser and the checkpoints have it.
        self.network.add_module("auxiliary", head)

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy of the head and, after the first step, of the auxiliary head on the newest part alone."""
        with self.autocast():
            features = self.network.features(batch.images)
        features = features.float()
        terms = self.classification_losses(batch, self.network.head(features))
        if self.step > 0:
            newest = features[:, -self.network.backbone.part_channels :]
            guess = self.network.auxiliary(newest)
            target = auxiliary_targets(batch.labels, self.old)
            terms["auxiliary"] = self.settings.auxiliary_weight * functional.cross_entropy(guess, target)
        return terms | self.pose_loss(batch, features)

    def finish_step(self, images: ImagePool) -> None:
        """Align the head's rows; the auxiliary head has done its work."""
        super().finish_step(images)
        self.network.auxiliary = None

    def training_rows(self) -> list[LedgerRow]:
        """The auxiliary head and its optimiser state, beside the rest."""
        if self.step == 0:
            return super().training_rows()
        parameters = (self.network.backbone.part_channels + 1) * (self.seen - self.old + 1)
        size = FLOAT_BYTES * parameters * (1 + self.optimiser_floats)
        return [*super().training_rows(), training_only("auxiliary head", size)]
