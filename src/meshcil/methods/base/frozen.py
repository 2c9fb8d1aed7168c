"""Abstract method whose network stays as the first step left it: SimpleCIL, APER, FeCAM, RanPAC, ACIL."""

from abc import abstractmethod
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from meshcil.config.classifier import FrozenSettings
from meshcil.memory.ledger import LedgerRow, carried, deployed, training_only
from meshcil.methods.base.classifier import ImageClassifier, IncrementalClassifier
from meshcil.methods.base.images import ImagePool, LatentPool
from meshcil.methods.base.ledger import tensor_bytes
from meshcil.methods.base.method import Batch, Phase
from meshcil.models.heads import GrowingLinear


class FrozenMethod(IncrementalClassifier):
    """Classes are taken in by statistics of their features, without a gradient and without an image that is kept.

    A linear head trains the network in the first step and is dropped after it. In later steps a pose head trains on the
    features: each of its rows belongs to one class.
    """

    settings: FrozenSettings
    statistics: dict[str, Tensor]
    carried_only: frozenset[str] = frozenset()
    """Statistics that the next step reads and prediction does not."""
    latent_set: LatentPool | None = None

    def build_network(self) -> ImageClassifier:
        """As the base class; nothing is known of any class."""
        self.statistics = {}
        return super().build_network()

    @property
    def trains(self) -> bool:
        """Whether the present step trains the network."""
        return self.step == 0 and self.settings.adapt

    @property
    def head_width(self) -> int:
        """Features that the first step's linear head reads."""
        return self.network.backbone.channels

    def begin_step(self, step: int) -> None:
        """Grow the pose head; only a step that trains the network has a linear head."""
        self.step = step
        self._grow(self.seen if self.trains else 0, self.generator("head"))

    def _grow(self, rows: int, generator: torch.Generator | None) -> None:
        if rows == 0:
            self._drop_head()
        self.network.head.grow(rows, generator)
        if self.network.pose_head is not None:
            self.network.pose_head.grow(self.seen, generator)
        if not self.trains:
            self.network.backbone.requires_grad_(False)

    def phases(self) -> list[Phase]:
        """The network's training; in any other step that of the pose head, if there is one."""
        if self.trains:
            return super().phases()
        head = self.network.pose_head
        if head is None:
            return []
        [phase] = super().phases()
        # Rows of old classes have no gradient, and decay would move them all the same.
        training = phase.training.model_copy(update={"weight_decay": 0.0})
        return [replace(phase, parameters=tuple(head.parameters()), training=training, latents=self.latent_set)]

    def prepare_step(self, images: ImagePool) -> None:
        """The features that a pose head trains on."""
        self.latent_set = None
        if self.network.pose_head is not None and not self.trains:
            labels, poses = images.labels.to(self.device), images.poses.to(self.device)
            self.latent_set = LatentPool(self.pooled(images), labels, poses, torch.zeros_like(labels, dtype=torch.bool))

    def losses(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """As the base class where the network trains, else the pose head's term for a batch of features."""
        return super().losses(batch) if self.trains else self.pose_loss(batch, batch.images)

    def finish_step(self, images: ImagePool) -> None:
        """Take in the new classes; the linear head has done its work."""
        self.latent_set = None
        self.learn(self.pooled(images), images.labels.to(self.device))
        self._drop_head()

    def _drop_head(self) -> None:
        self.network.head = GrowingLinear(self.head_width).to(self.device)

    @abstractmethod
    def learn(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> None:
        """Add the step's classes to the statistics."""

    @abstractmethod
    def logits(self, features: Float[Tensor, "B D"]) -> Float[Tensor, "B C"]:
        """Class scores of pooled features; they stand where others have their linear head."""

    def by_class(self, features: Float[Tensor, "n D"], labels: Int[Tensor, " n"]) -> list[Float[Tensor, "m D"]]:
        """Features of each of the step's classes, in order."""
        return [features[labels == label] for label in range(self.old, self.seen)]

    def append(self, name: str, rows: Tensor) -> None:
        """Add the new classes' rows to a statistic that has one row per class."""
        known = self.statistics.get(name)
        self.statistics[name] = rows if known is None else torch.cat([known[: self.old], rows])

    def state(self) -> dict[str, Any]:
        """Network and statistics."""
        return super().state() | {"statistics": dict(self.statistics)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Inverse of `state`; while the first step trains there is a linear head, afterwards none."""
        self.step = int(state["step"])
        self._grow(len(state["network"]["head.weight"]), None)
        self.network.load_state_dict(state["network"])
        self.statistics = {name: value.to(self.device) for name, value in state["statistics"].items()}

    def ledger_rows(self) -> list[LedgerRow]:
        """Network and statistics."""
        rows = [row for row in super().ledger_rows() if row.name != "head"]
        for name, value in self.statistics.items():
            rows.append((carried if name in self.carried_only else deployed)(name, tensor_bytes(value)))
        return rows

    def training_rows(self) -> list[LedgerRow]:
        """The first step's linear head and its optimiser state, as well as the rest."""
        if not self.trains:
            return super().training_rows()
        head = 4 * self.seen * (self.head_width + 1)
        return [*super().training_rows(), training_only("linear head", head * (1 + self.optimiser_floats))]
