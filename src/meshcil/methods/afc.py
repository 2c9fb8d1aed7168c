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
        """Importance of each channel for the step's images, in eval mode: the statistics of batch norm stay."""
        super().finish_step(images)
        self.network.eval()
        totals: list[Tensor] = []
        for part in images.split(64):
            [batch] = part.batches(64, self.device)
            maps = self.stages(self.network.backbone, batch)
            loss = self.nca(maps[-1].mean(dim=(2, 3)), part.labels.to(self.device))
            gradients = torch.autograd.grad(loss, maps)
            squares = [g.square().sum(dim=(2, 3)).mean(dim=0) for g in gradients]
            totals = [a + b for a, b in zip(totals, squares, strict=True)] if totals else squares
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
