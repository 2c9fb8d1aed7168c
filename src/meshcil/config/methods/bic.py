"""Settings of BiC."""

from pydantic import Field

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """Rehearsal and distillation, weighed as in WA; then the new classes' logits are corrected on held-out images."""

    temperature: float = Field(2.0, gt=0)
    """Temperature of the distillation."""
    held_share: float = Field(0.1, gt=0, lt=1)
    """Share of each old class's exemplars that no batch holds, at least one; as many of each new class."""
    correction_decay: float = Field(2.0e-4, gt=0)
    """Weight decay of the correction's factor and offset."""
