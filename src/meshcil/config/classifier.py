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
    """What 2D methods have, and all that those have which need no module of their own in `config/methods`."""

    replay = "required"
    first_step: FirstStepSettings = FirstStepSettings()
    """What the first step does differently; what is absent is as in `training`."""
    pose: PoseHeadSettings | None = None
    """Pose head; none when absent."""
    mirrored_means: bool = False
    """Take the mirror images of exemplars into the means of the nearest-mean classifier too, as AFC's code does."""


class ExpandableSettings(ClassifierSettings):
    """What methods have that grow a part of the network per step."""

    latents_grow = True
    auxiliary_weight: float = Field(1.0, ge=0)
    """Weight of the auxiliary classifier's loss."""


class CosineSettings(ClassifierSettings):
    """What methods with a cosine classifier have."""

    scale: float = Field(1.0, gt=0)
    """What the learned factor of the cosines starts from."""
    proxies: int = Field(1, ge=1)
    """Rows of the classifier per class."""
    imprint: bool = True
    """Start new rows from images of their classes; otherwise at random, as PODNet in PyCIL does."""


class BalancedSettings(Settings):
    """Training on equally many images of each class that ends a later step."""

    epochs: int = Field(20, ge=1)
    """Passes over the balanced set."""
    lr: float = Field(gt=0)
    """Learning rate at its start."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Whether it falls to zero along a cosine, as in PODNet, or not, as in AFC's code."""


class ProxySettings(CosineSettings):
    """What methods with several proxies per class have."""

    proxies: int = Field(10, ge=1)
    """Rows of the classifier per class."""
    margin: float = Field(0.6, ge=0)
    """Margin of the classification loss."""
    published_nca: bool = False
    """Compute the loss as the public code does, where the margin cancels; the published figures rest on it."""
    stages: int = Field(3, ge=1)
    """Stages at the end of the backbone whose outputs are distilled."""
    balanced: BalancedSettings
    """Training on a balanced set."""


class FrozenSettings(ClassifierSettings):
    """What methods have whose network stays as the first step left it."""

    replay = "never"
    adapt: bool = True
    """Train the network in the first step; otherwise it stays as it is loaded, which needs `backbone.weights`."""
