"""Abstract method with several proxies per class and distilled stage outputs: PODNet, AFC."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from meshcil.config.classifier import ProxySettings
from meshcil.core.errors import InputError
from meshcil.losses.neighbourhood import margin_nca
from meshcil.methods.base.cosine import CosineMethod
from meshcil.methods.base.method import Batch, Phase
from meshcil.models.chain import stage_outputs

Maps = list[Tensor]


class ProxyMethod(CosineMethod):
    """Neighbour analysis on similarities to proxies; a later step ends on a balanced set (PODNet, section 3)."""

    settings: ProxySettings
    reads_last_input = False
    """Distil the input of the last block too."""

    def phases(self) -> list[Phase]:
        """The step's training; after the first step a shorter one on equally many images of each class."""
        phases = super().phases()
        if self.step == 0:
            return phases
        block = self.settings.balanced
        [main] = phases
        parameters = tuple(p for p in self.balanced_part().parameters() if p.requires_grad)
        training = main.training.model_copy(update={"schedule": block.schedule, "warmup_epochs": 0.0})
        last = replace(main, name="balanced", parameters=parameters, epochs=block.epochs, lr=block.lr)
        return [main, replace(last, training=training, balanced=True)]

    @abstractmethod
    def balanced_part(self) -> nn.Module:
        """What trains on the balanced set."""

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Classification and, after the first step, distillation that grows with the classes seen per new one."""
        with self.autocast():
            maps = self.stages(self.network.backbone, batch.images)
        features = maps[-1].float().mean(dim=(2, 3))
        terms = {"classification": self.nca(features, batch.labels)} | self.pose_loss(batch, features)
        if self.step == 0:
            return terms
        with torch.no_grad(), self.autocast():
            taught = self.stages(self.teacher.backbone, batch.images)
        ratio = self.class_ratio(self.seen)
        kept = self.distilled([m.float() for m in maps], [m.float() for m in taught])
        return terms | {name: ratio * term for name, term in kept.items()}

    def stages(self, backbone: nn.Module, images: Float[Tensor, "B 3 H W"]) -> Maps:
        """Outputs of the last stages, the backbone's own last.

        Raises InputError when the backbone has fewer stages than the settings name.
        """
        try:
            return stage_outputs(backbone, images, self.settings.stages, before_last_layer=self.reads_last_input)
        except ValueError as error:
            raise InputError("stages", str(error), "Name a backbone with that many stages, or fewer") from error

    def nca(self, features: Float[Tensor, "B D"], labels: Tensor) -> Float[Tensor, ""]:
        """The classification loss of pooled features."""
        head, settings = self.network.head, self.settings
        similarities = head.similarities(features)
        form = settings.published_nca
        return margin_nca(similarities, labels, scale=head.scale, margin=settings.margin, published_code=form)

    @abstractmethod
    def distilled(self, maps: Sequence[Tensor], taught: Sequence[Tensor]) -> dict[str, Float[Tensor, ""]]:
        """Named distillation terms of stage outputs."""
