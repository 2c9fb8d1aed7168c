"""When an image is unlike anything that a model has learned."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from meshcil.methods.base.method import Prediction

FALSE_ALARMS = 0.05
"""Share of the kept training images that may be called unlike anything learned."""
LEAST = 20
"""Images below which no such share can be told."""


@dataclass(frozen=True)
class OpenSet:
    """Below which values an image is unlike anything learned.

    A model that has learned an image is surer of it than of a new one: of new images of its classes, more than the
    stated share are called unknown. How well the values tell is measured by `open_set_auroc` in the scores.

    Attributes:
        limits: by measure: `score` of the best class, `fit` of the posed mesh.
        images: kept training images that the limits were fitted on.
    """

    limits: Mapping[str, float]
    images: int

    def unlike(self, values: Mapping[str, float]) -> bool:
        """Whether a measure lies below its limit."""
        return any(values[name] < limit for name, limit in self.limits.items())


def measures(found: Prediction) -> dict[str, Tensor]:
    """Values that tell how sure a method is of each image, float64 [n] by name."""
    values = {"score": found.scores.max(1).values.double().cpu()}
    return values if found.fit is None else values | {"fit": found.fit.double().cpu()}


def fit_open_set(answers: Iterable[Prediction]) -> OpenSet | None:
    """Limits that the share `FALSE_ALARMS` of some images falls below, divided among the measures; None for too few.

    Args:
        answers: of the method to kept training images, batch by batch.
    """
    parts = [measures(found) for found in answers]
    values = {name: torch.cat([part[name] for part in parts]).sort().values for name in (parts[0] if parts else ())}
    count = len(values["score"]) if values else 0
    if count < LEAST:
        return None
    place = int(FALSE_ALARMS / len(values) * count)
    return OpenSet({name: float(found[place]) for name, found in values.items()}, count)
