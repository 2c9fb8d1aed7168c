"""Abstract method that grows a part of the network at each step: DER, MEMO."""

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from meshcil.config.classifier import ExpandableSettings
from meshcil.memory.ledger import LedgerRow, carried
from meshcil.methods.base.classifier import ImageClassifier, bin_layout
from meshcil.methods.base.incremental import IncrementalClassifier
from meshcil.methods.base.ledger import tensor_bytes
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

    def build_network(self) -> nn.Module:
        """The first step's network."""
        pose = self.settings.pose
        return ImageClassifier(self.build_expandable(), bin_layout(pose) if pose else None)

    @abstractmethod
    def build_expandable(self) -> ExpandableBackbone:
        """The backbone with one part."""

    def begin_step(self, step: int) -> None:
        """Add a part, columns and rows of the heads, and a new auxiliary head."""
        self.step = step
        self._grow(self.generator("head"))

    def prepare_network(self, seen: int) -> None:
        """The parts and heads that there are after the step that is being loaded."""
        self._grow(None)

    def _grow(self, generator: torch.Generator | None) -> None:
        backbone = self.network.backbone
        while len(backbone.parts) <= self.step:
            backbone.expand()
        widen(self.network.head, backbone.channels, generator)
        if self.network.pose_head is not None:
            widen(self.network.pose_head.linear, backbone.channels, generator)
        self.network.grow(self.seen, generator)
        if self.step > 0:
            auxiliary = GrowingLinear(backbone.part_channels).to(self.device)
            auxiliary.grow(self.seen - self.old + 1, generator)
            # A part of the network, so that the optimiser and the checkpoints have it.
            self.network.add_module("auxiliary", auxiliary)

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
        pose = self.settings.pose
        if pose is not None and self.network.pose_head is not None:
            terms["pose"] = pose.weight * self.network.pose_head.loss(features, batch.labels, batch.poses)
        return terms

    def classification_losses(self, batch: Batch, logits: Float[Tensor, "B C"]) -> dict[str, Float[Tensor, ""]]:
        """Cross-entropy over all seen classes."""
        return {"classification": functional.cross_entropy(logits, batch.labels)}

    def ledger_rows(self) -> list[LedgerRow]:
        """All parts and the heads; the auxiliary head lies in the stored state until the next step replaces it."""
        rows = super().ledger_rows()
        if self.step > 0:
            rows.append(carried("auxiliary head", tensor_bytes(*self.network.auxiliary.parameters())))
        return rows
