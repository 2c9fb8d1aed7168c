"""AFC: adaptive feature consolidation (Kang et al., CVPR 2022): important channels change least."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from meshcil.config.methods.afc import Settings
from meshcil.losses.weighted_channels import weighted_channel_distillation
from meshcil.memory.ledger import LedgerRow, carried
from meshcil.methods.base.classifier import ImageClassifier
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.ledger import tensor_bytes
from meshcil.methods.base.method import Batch
from meshcil.methods.base.proxies import ProxyMethod

_BATCH = 64


class Learner(ProxyMethod):
    """How much the loss reacts to a channel after a step says how firmly the next step holds it."""

    settings: Settings
    reads_last_input = True
    importance: list[Tensor]

    @torch.no_grad()
    def build_network(self) -> ImageClassifier:
        """As the base class; before any step all channels are equally important."""
        network = super().build_network()
        height, width = self.facts.image_size
        maps = self.stages(network.backbone.eval(), torch.zeros(1, 3, height, width))
        self.importance = [torch.ones(stage.shape[1], device=self.device) for stage in maps]
        return network

    def balanced_part(self) -> nn.Module:
        """The classifier alone."""
        return self.network.head

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """As the base class; on the balanced set only the classifier learns, from features as at test time."""
        if batch.phase != "balanced":
            return super().losses(batch)
        return {"classification": self.nca(self.features(batch.images), batch.labels)}

    def distilled(self, maps: Sequence[Tensor], taught: Sequence[Tensor]) -> dict[str, Float[Tensor, ""]]:
        """Distance of each channel's pattern to the teacher's, weighed by its importance."""
        kept = weighted_channel_distillation(maps, taught, self.importance)
        return {"distillation": self.settings.distillation_weight * kept}

    def finish_step(self, images: ImagePool) -> None:
        """Importance of each channel for what the step trained on: new images, and exemplars as it began with them.

        In eval mode: batch norm keeps its statistics, and no image acts on the gradient of another.
        """
        super().finish_step(images)
        self.network.eval()
        pools = [images] if self.exemplars is None else [images, self.exemplars]
        totals = [torch.zeros_like(weights) for weights in self.importance]
        for part in (part for pool in pools for part in pool.split(_BATCH)):
            [batch] = part.batches(_BATCH, self.device)
            maps = self.stages(self.network.backbone, batch)
            # The sum of the images' losses, not their mean: every image has its own gradient, in a batch of any size.
            loss = len(part) * self.nca(maps[-1].mean(dim=(2, 3)), part.labels.to(self.device))
            for total, gradient in zip(totals, torch.autograd.grad(loss, maps), strict=True):
                total += gradient.square().sum(dim=(0, 2, 3))
        # A mean over images would be the same: their number cancels.
        self.importance = [relative(total) for total in totals]

    def state(self) -> dict[str, Any]:
        """Network and importance."""
        return super().state() | {"importance": self.importance}

    def load_state(self, state: dict[str, Any]) -> None:
        """Inverse of `state`."""
        super().load_state(state)
        self.importance = [t.to(self.device) for t in state["importance"]]

    def ledger_rows(self) -> list[LedgerRow]:
        """One float per channel of each distilled output."""
        return [*super().ledger_rows(), carried("importance", tensor_bytes(*self.importance))]


def relative(importance: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
    """Divided by its mean; all channels alike where the loss reacts to none."""
    mean = importance.mean()
    return importance / mean if mean > 0 else torch.ones_like(importance)
