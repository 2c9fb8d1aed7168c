"""Settings of LUCIR."""

from pydantic import Field

from meshcil.config.classifier import CosineSettings


class Settings(CosineSettings):
    """Cosine classifier, distillation of features, margin between old and new classes."""

    distillation_weight: float = Field(5.0, ge=0)
    """Weight of the feature distillation; multiplied by the root of the number of old classes per new one."""
    margin: float = Field(0.5, ge=0)
    """By which an old exemplar's own cosine must exceed those of new classes."""
    hardest: int = Field(2, ge=1)
    """New classes that an old exemplar is compared with."""
    margin_weight: float = Field(1.0, ge=0)
    """Weight of the margin loss."""
