"""The images that a step trains on, and what the exemplar strategies look at, computed only when one asks for it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from meshcil.core.seeding import derive_seed
from meshcil.memory.selection import select
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method

_BATCH = 64


@dataclass(frozen=True)
class TrainingData:
    """Images of a step."""

    pool: ImagePool  # new images first, then exemplars
    replayed: Bool[Tensor, " n"]  # bool [n], exemplars of earlier steps

    def subset(self, chosen: Int[Tensor, " k"]) -> "TrainingData":
        """The images at these positions."""
        return TrainingData(self.pool.subset(chosen), self.replayed[chosen])

    @property
    def new(self) -> ImagePool:
        """The images that are not exemplars."""
        return self.pool.subset((~self.replayed).nonzero()[:, 0])


def selection_inputs(method: Method, pool: ImagePool, strategy: str) -> dict[str, np.ndarray]:
    """Arguments of `meshcil.memory.selection.select` for ``strategy``, one row per image, without augmentation.

    `features` [n, D] for herding and diversity, `losses` [n] for difficulty (largest wrong score, if there is a second
    class, minus the true one), otherwise `azimuth` [n] in radians.
    """
    if strategy in ("herding", "diversity"):
        features = [method.features(images).cpu() for images in pool.batches(_BATCH, method.device)]
        return {"features": torch.cat(features).double().numpy()}
    if strategy == "difficulty":
        scores = torch.cat([method.scores(images).cpu() for images in pool.batches(_BATCH, method.device)])
        true = scores.gather(1, pool.labels[:, None])[:, 0]
        wrong = scores.scatter(1, pool.labels[:, None], -torch.inf).amax(dim=1)
        if scores.shape[1] == 1:
            wrong = torch.zeros_like(true)
        return {"losses": (wrong - true).double().numpy()}
    return {"azimuth": pool.poses[:, 0].double().numpy()}


def balanced_subset(method: Method, data: TrainingData) -> Int[Tensor, " k"]:
    """Positions of all exemplars and of as many images of each new class, chosen as exemplars are.

    As many as the smallest class of exemplars has; without exemplars, as many as the smallest new class has.
    """
    labels, replayed = data.pool.labels, data.replayed
    sizes = labels[replayed].bincount() if bool(replayed.any()) else labels.bincount()
    count = int(sizes[sizes > 0].min())
    strategy = method.settings.exemplars
    kept = [replayed.nonzero()[:, 0]]
    for label in labels[~replayed].unique().tolist():
        members = ((labels == label) & ~replayed).nonzero()[:, 0]
        arrays = selection_inputs(method, data.pool.subset(members), strategy)
        seed = derive_seed(method.facts.seed, "balanced", method.step, label)
        kept.append(members[select(strategy, count, seed=seed, **arrays)])
    return torch.cat(kept)
