"""Settings of LwF."""

from pydantic import Field

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """Distillation of the old logits on new images; no exemplars."""

    replay = "never"
    temperature: float = Field(2.0, gt=0)
    """Temperature of the distillation."""
    distillation_weight: float = Field(3.0, ge=0)
    """Weight of the distillation."""
