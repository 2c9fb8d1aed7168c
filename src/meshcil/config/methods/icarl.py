"""Settings of iCaRL."""

from typing import Literal

from pydantic import Field

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """Rehearsal by herding, distillation of old logits, nearest-mean classification."""

    temperature: float = Field(2.0, gt=0)
    """Temperature of the distillation."""
    distillation_weight: float = Field(1.0, ge=0)
    """Weight of the distillation."""
    head: Literal["nearest-mean", "linear"] = "nearest-mean"
    """Classifier used for predictions."""
