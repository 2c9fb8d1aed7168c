"""Settings of iNeMo."""

from typing import Literal

from pydantic import Field

from meshcil.config.base import Settings as Block
from meshcil.config.methods.base import MethodSettings
from meshcil.core.errors import InputError


class LossSettings(Block):
    """Weights and concentrations (iNeMo, eqs. 8-10)."""

    kappa_contrastive: float = Field(1 / 0.07, gt=0)
    """kappa1."""
    background_weight: float = Field(5e-3, ge=0)
    """w_B of the background term in the contrastive denominator; 0 drops it."""
    neighbour_cells: float = Field(6.0, ge=0)
    """Vertices of the same mesh within this distance in map cells are no negatives."""
    unused_partitions: bool = True
    """Partitions of classes not seen yet are negatives (H-bar)."""
    positional_weight: float = Field(0.2, ge=0)
    """lambda_etf."""
    kappa_positional: float = Field(1.0, gt=0)
    """kappa2."""
    distillation_weight: float = Field(2.0, ge=0)
    """lambda_kd."""
    kappa_distillation: float = Field(0.5, gt=0)
    """kappa3."""
    noise_weight: float = Field(0.1, ge=0)
    """Weight of the noise loss."""
    feature_distillation_weight: float = Field(0.0, ge=0)
    """Cosine distillation of whole feature maps of replayed images; not in the paper."""


class InferenceSettings(Block):
    """Classification and pose estimation (iNeMo, section 4; NeMo)."""

    classifier: Literal["per-cell", "mean", "render-and-compare"] = "per-cell"
    """How vertex similarities become class scores."""
    refinement_steps: int = Field(30, ge=0)
    """Adam steps of the pose refinement."""


class Settings(MethodSettings):
    """Incremental neural mesh models: one cuboid of vertex features per class."""

    dim: int = Field(128, ge=2)
    """Channels of a feature."""
    target_vertices: int = Field(1000, ge=8)
    """Vertices a class's cuboid aims at."""
    partitions: int = Field(20, ge=2)
    """Classes for which latent space is set aside (N)."""
    etf: bool = True
    """Partition the latent space around an equiangular tight frame; otherwise vertices start at random."""
    bank_momentum: float = Field(0.9, ge=0, lt=1)
    """eta of the vertex bank."""
    background_columns: int = Field(2560, ge=1)
    """Features in the background bank."""
    background_samples: int = Field(5, ge=1)
    """Background cells drawn per image."""
    losses: LossSettings = LossSettings()
    """Loss terms."""
    inference: InferenceSettings = InferenceSettings()
    """Test time."""

    def check_classes(self, count: int) -> None:
        """Refuse runs with more classes than partitions."""
        if count > self.partitions:
            raise InputError(
                "partitions",
                f"is {self.partitions}, fewer than the run's {count} classes",
                "Set `partitions` in the method's YAML to at least the number of classes",
            )
