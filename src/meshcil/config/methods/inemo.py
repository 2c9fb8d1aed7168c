"""Settings of iNeMo."""

from typing import Literal

from pydantic import Field, model_validator

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
    """Vertices of the same mesh within this distance in map cells are not negatives."""
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
    distillation_scale: Literal["none", "inverse-square"] = "none"
    """`inverse-square` multiplies the distillation by kappa3^-2, so that its gradient does not shrink with the
    concentration (Hinton et al. 2015); the paper has no such factor."""
    noise_weight: float = Field(0.1, ge=0)
    """Weight of the noise loss."""
    feature_distillation_weight: float = Field(0.0, ge=0)
    """Cosine distillation of whole feature maps of replayed images; not in the paper."""


class InferenceSettings(Block):
    """Classification and pose estimation (iNeMo, section 4; NeMo)."""

    classifier: Literal["per-cell", "mean", "render-and-compare"] = "per-cell"
    """How vertex similarities become class scores."""
    start_pose: Literal["similarity", "likelihood"] = "similarity"
    """How the start pose is chosen: by max(o, b) - b as in the paper, or by the likelihood that the contrastive loss
    trained (inference/start_search.py)."""
    start_grid: Literal["paper", "fine"] = "paper"
    """Start poses: the paper's 12 azimuths, 4 elevations and 3 rotations in the plane, or 36, 6 and 3."""
    refinement_steps: int = Field(30, ge=0)
    """Adam steps of the pose refinement."""


class ReleasedCode(Block):
    """Defects of the released code, each by itself, to measure what it does (docs/known-defects.md); all off."""

    shared_partition: bool = False
    """D1: every class starts from the same vectors; nothing is partitioned."""
    distillation_temperature: bool = False
    """D2: `distillation_weight` serves as the temperature too, and `kappa_distillation` is not read."""
    scaled_background_weight: bool = False
    """D3: the background weight is raised to the power kappa1, which leaves nothing of it."""
    all_partitions_compete: bool = False
    """D4: classes that have not arrived are candidates too."""
    first_classes_distilled: bool = False
    """D5: distillation covers as many classes as one step brings, the first ones."""
    growing_memory: bool = False
    """D8: the reduced exemplar lists are thrown away; old classes keep all of theirs."""
    empty_reduction: bool = False
    """D9: reducing the exemplars of old classes leaves none; without effect where `growing_memory` is on."""
    azimuth_selection: bool = False
    """D10: `pose-aware` selects as released: too many images, or some twice, or it stops."""
    teacher_in_training_mode: bool = False
    """D11: the earlier network normalises by batch statistics and goes on collecting them."""
    transposed_pose_error: bool = False
    """D13: two of three rotations in the pose error are transposed."""
    padding_counts: bool = False
    """D14: padded vertices take part in classification, distillation and the noise loss."""


class Settings(MethodSettings):
    """Incremental neural mesh models: one cuboid of vertex features per class."""

    needs_pose = True
    dim: int = Field(128, ge=2)
    """Channels of a feature."""
    target_vertices: int = Field(1000, ge=8)
    """Vertices a class's cuboid aims at."""
    partitions: int = Field(20, ge=2)
    """Classes for which latent space is set aside (N)."""
    partition_growth: Literal["fixed", "grow", "redraw"] = "fixed"
    """When a class finds no partition left: `fixed` is an error before the run, `grow` doubles N and takes vertices and
    network along (models/frames.py), `redraw` doubles N and draws all centroids anew, the control."""
    vertex_identity: Literal["own", "shuffled", "class"] = "own"
    """`own`: each vertex has its row in the bank. Controls: `shuffled` assigns a class's rows anew in each image;
    `class` has one row for all vertices of a class, which makes a dense 2D classifier of the silhouette."""
    etf: bool = True
    """Partition the latent space around an equiangular tight frame; otherwise vertices start at random."""
    bank_momentum: float = Field(0.9, ge=0, lt=1)
    """eta of the vertex bank."""
    background_columns: int = Field(2560, ge=1)
    """Features in the background bank."""
    background_samples: int = Field(5, ge=1)
    """Background cells drawn per image."""
    background_sampling: Literal["random", "near", "hard"] = "random"
    """Which cells: any, those near the object, or those most like a vertex."""
    background_updates: float = Field(1.0, gt=0, le=1)
    """Share of the updates of the network after which the background bank takes in new features."""
    background_refill: bool = True
    """Refill the background bank from the exemplars after each step."""
    all_data: bool = False
    """Train on all images of all classes so far instead of new images and exemplars: the ceiling of the ablations."""
    losses: LossSettings = LossSettings()
    """Loss terms."""
    inference: InferenceSettings = InferenceSettings()
    """Test time."""
    released_code: ReleasedCode = ReleasedCode()
    """Defects of the released code to switch on."""

    @model_validator(mode="after")
    def _check_latent_space(self) -> "Settings":
        if self.released_code.shared_partition and not self.etf:
            raise ValueError("released_code.shared_partition shares the partitions that `etf: false` does without")
        return self

    @model_validator(mode="after")
    def _check_exemplars(self) -> "Settings":
        if self.all_data and self.exemplars != "none":
            raise ValueError(f"all_data trains on all images, so `exemplars` must be none, not {self.exemplars}")
        return self

    def final_partitions(self, count: int) -> int:
        """Partitions once ``count`` classes have arrived."""
        final = self.partitions
        while self.partition_growth != "fixed" and final < count:
            final *= 2
        return final

    def check_classes(self, count: int) -> None:
        """Refuse runs with more classes than partitions."""
        final = self.final_partitions(count)
        if count > final:
            raise InputError(
                "partitions",
                f"is {self.partitions}, fewer than the run's {count} classes",
                "Set `partitions` in the method's YAML to at least the number of classes, or `partition_growth: grow`",
            )
        if self.released_code.all_partitions_compete and count < final:
            raise InputError(
                "released_code.all_partitions_compete",
                f"lets {final} partitions compete for {count} classes, and a partition without a mesh may win",
                f"Set `partitions` to {count}",
            )
