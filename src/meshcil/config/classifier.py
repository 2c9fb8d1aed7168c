"""Settings that incremental 2D classifiers share."""

from typing import Literal

from pydantic import Field

from meshcil.config.base import Settings
from meshcil.config.methods.base import MethodSettings, PoseHeadSettings


class FirstStepSettings(Settings):
    """Optimisation of the first step, where it differs from the later ones'."""

    schedule: Literal["constant", "cosine", "steps"] | None = None
    """As in `training`."""
    milestones: tuple[int, ...] | None = None
    """As in `training`."""
    weight_decay: float | None = Field(None, ge=0)
    """As in `training`."""


class ClassifierSettings(MethodSettings):
    """What 2D methods have."""

    first_step: FirstStepSettings = FirstStepSettings()
    """What the first step does differently; what is absent is as in `training`."""
    pose: PoseHeadSettings | None = None
    """Pose head; none when absent."""


class ExpandableSettings(ClassifierSettings):
    """What methods have that grow a part of the network per step."""

    replay = "required"
    auxiliary_weight: float = Field(1.0, ge=0)
    """Weight of the auxiliary classifier's loss."""
