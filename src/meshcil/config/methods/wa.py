"""Settings of WA."""

from pydantic import Field

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """Rehearsal and distillation, weighed by the shares of new and old classes; weights aligned after each step."""

    temperature: float = Field(2.0, gt=0)
    """Temperature of the distillation."""
