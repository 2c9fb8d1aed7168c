"""Settings that methods share: network, optimisation, augmentation, exemplars."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from meshcil.config.backbones import BackboneSettings
from meshcil.config.base import Label, Settings


class AugmentationSettings(Settings):
    """Random changes of training images; each changes the annotated pose along with the image."""

    flip: bool = False
    """Mirror half of the images; azimuth and theta change sign."""
    rotate: float = Field(0.0, ge=0)
    """Largest in-plane rotation in degrees; added to theta."""
    colour: float = Field(0.0, ge=0, le=1)
    """Strength of brightness, contrast and channel-gain jitter."""
    crop: int = Field(0, ge=0)
    """Black pixels put around an image before a random part of its old size is cut out. A pose knows no shift, so mesh
    models refuse it."""
    brightness: float = Field(0.0, ge=0, le=1)
    """Largest relative change of all values (torchvision's ColorJitter)."""
    resized_crop: float = Field(0.0, ge=0, le=1)
    """Smallest share of the image's area that a random part has, with sides from 3:4 to 4:3, which is enlarged to the
    image's size (torchvision's RandomResizedCrop, with 0.08); 0 leaves the image whole. Mesh models refuse it too."""
    occlude: float = Field(0.0, ge=0, le=1)
    """Share of images over which one to three ellipses of smooth random colours are laid (as random erasing does, Zhong
    et al. 2020). To mesh models, hidden vertices are invisible and what hides them is background."""


class TrainingSettings(Settings):
    """The optimiser loop."""

    epochs: int = Field(ge=1)
    """Passes over a later step's images and exemplars."""
    first_epochs: int | None = Field(None, ge=1)
    """Passes in the first step; `epochs` when absent."""
    batch_size: int = Field(16, ge=1)
    """Images per batch."""
    keep_partial: bool = False
    """Train on the last partial batch of an epoch too, as the toolboxes do; otherwise only where there is no other."""
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Made anew in each step."""
    lr: float = Field(gt=0)
    """Learning rate of the first step."""
    later_lr: float | None = Field(None, gt=0)
    """Learning rate of later steps; `lr` when absent."""
    momentum: float = Field(0.9, ge=0)
    """SGD only."""
    weight_decay: float = Field(0.0, ge=0)
    """L2 penalty (decoupled for adamw)."""
    schedule: Literal["constant", "cosine", "steps"] = "constant"
    """`cosine` falls to zero at the end of the step; `steps` multiplies by `gamma` at each milestone."""
    milestones: tuple[int, ...] = ()
    """Epochs at which `steps` lowers the rate."""
    gamma: float = Field(0.1, gt=0)
    """Factor of `steps`."""
    warmup_epochs: float = Field(0.0, ge=0)
    """Linear warm-up at the start of the step."""
    gradient_limit: float | None = Field(None, gt=0)
    """Largest absolute value of a gradient's element; larger ones are cut."""
    block_gradients: bool = False
    """Log the gradient norm of each block of the backbone, for the analysis of that name."""
    precision: Literal["float32", "mixed"] = "float32"
    """Arithmetic of the network's forward pass: `mixed` is bfloat16 (autocast) where the processor or GPU has
    instructions for it, and float32 elsewhere, where bfloat16 would take ten times as long."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """Applied to new images and exemplars alike."""


class PoseHeadSettings(Settings):
    """2D pose baseline: classification into pose bins."""

    shared: bool = False
    """One set of bins for all classes, which learns from the images of all; otherwise each class has its own."""
    azimuth_bins: int = Field(12, ge=2)
    """Bins over the full circle; 0 degrees is a bin centre."""
    elevation_bins: int = Field(6, ge=2)
    """Bins between the limits below."""
    theta_bins: int = Field(4, ge=2)
    """Bins between the limits below."""
    elevation_range: tuple[float, float] = (-15.0, 45.0)
    """Degrees."""
    theta_range: tuple[float, float] = (-20.0, 20.0)
    """Degrees."""
    weight: float = Field(1.0, ge=0)
    """Weight of the pose loss."""


class MethodSettings(Settings):
    """What every method has."""

    replay: ClassVar[Literal["never", "optional", "required"]] = "optional"
    """Whether the method stores exemplars: `never` goes with budget `none` only, `required` with any other."""

    needs_pose: ClassVar[bool] = False
    """Whether the method works only on images with poses and classes with cuboids."""

    latents_grow: ClassVar[bool] = False
    """Whether latents get wider with each step, so that no aligner can move them to those of an earlier one."""

    kind: str
    """Module of `meshcil.methods`."""
    label: Label
    """Name in tables and figures."""
    description: str
    """One sentence for the report."""
    backbone: BackboneSettings
    """The network."""
    training: TrainingSettings
    """The optimiser loop."""
    exemplars: Literal["none", "random", "herding", "pose-aware", "difficulty", "diversity"] = "random"
    """Selection strategy; `none` goes with budget `none` only."""

    def without_weights(self) -> "MethodSettings":
        """The same for a network whose tensors are loaded or only counted: it reads no file of weights."""
        return self.model_copy(update={"backbone": self.backbone.model_copy(update={"weights": None})})

    @model_validator(mode="after")
    def _keep_objects_in_place(self) -> "MethodSettings":
        changes = self.training.augmentation
        moving = {"crop": changes.crop, "resized_crop": changes.resized_crop}
        if self.needs_pose and any(moving.values()):
            name = next(name for name, value in moving.items() if value)
            raise ValueError(f"training.augmentation.{name} must be 0: the image would move and its pose would not")
        return self

    def check_classes(self, count: int) -> None:
        """Refuse a number of classes that the method cannot take. Raises InputError naming the setting to change."""
