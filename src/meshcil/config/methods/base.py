"""Settings that methods share: network, optimisation, augmentation, exemplars."""

import importlib.util
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from meshcil.config.base import Label, Settings


class BackboneSettings(Settings):
    """Network that turns an image into a feature map."""

    name: str
    """Module of `meshcil.models.backbones`; `timm` for any model of the package of that name."""
    width: int = Field(32, ge=1)
    """Channels of the first stage (embedded backbones), or of the map that several `levels` are merged into (timm)."""
    depth: int = Field(2, ge=1)
    """Residual blocks at map resolution (embedded backbones)."""
    model: str | None = None
    """Model of timm, e.g. `tf_efficientnet_lite0`, `vit_small_patch14_dinov2`."""
    levels: tuple[int, ...] = ()
    """timm: strides of the model's levels that become the map; several are merged at the finest one's. Without any the
    features are the model's own pooled ones, which only 2D methods can use."""
    frozen: int = Field(0, ge=0)
    """timm: the trunk keeps its first weights through this stride; the deepest one's freezes all of it."""
    zoom: float = Field(1.0, ge=1)
    """timm: images are enlarged so many times first. The map's stride in image pixels, the finest level's divided by
    this, must be whole."""
    batch_norm: Literal["folded", "trained"] = "folded"
    """timm: `folded` turns batch norm into part of the convolution before it, with the statistics of the weights;
    `trained` keeps it where the trunk trains. Frozen parts are always folded."""
    trunk_rate: float = Field(0.3, gt=0)
    """timm: learning rate of the trunk, as a share of that of new layers."""
    trunk_weight_decay: float = Field(0.0, ge=0)
    """timm: L2 penalty on the trunk, in place of `training.weight_decay`."""
    weights: str | None = None
    """File to start from, safetensors or PyTorch's `.pth`; random initialisation when absent. Never downloaded. A file
    that an installed package ships is named `package:file`."""
    weights_sha256: str | None = Field(None, pattern="^[0-9a-f]{8,64}$")
    """Expected sha256 of that file, or its first digits; not checked when absent."""

    @model_validator(mode="after")
    def _check_model(self) -> "BackboneSettings":
        own = ("model", "levels", "frozen", "zoom", "batch_norm", "trunk_rate", "trunk_weight_decay")
        given = [name for name in own if getattr(self, name) != type(self).model_fields[name].default]
        if self.name != "timm" and given:
            raise ValueError(f"{', '.join(given)}: only the backbone `timm` reads it, but this one is `{self.name}`")
        if self.name == "timm" and self.model is None:
            raise ValueError("model: the backbone `timm` needs the name of a model")
        return self

    @model_validator(mode="after")
    def _check_strides(self) -> "BackboneSettings":
        if len(set(self.levels)) != len(self.levels):
            raise ValueError("levels: each stride can be named once")
        if self.levels and not (min(self.levels) / self.zoom).is_integer():
            raise ValueError(f"zoom: the stride {min(self.levels)} / {self.zoom} of the map is not whole")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """What the backbone is built from."""
        names = ("model", "levels", "width", "frozen", "zoom", "batch_norm") if self.name == "timm" else ()
        return {name: getattr(self, name) for name in names or ("width", "depth")}

    @property
    def weights_file(self) -> Path | None:
        """Where the weights lie; for a package that is not installed, a path that does not exist."""
        if self.weights is None or ":" not in self.weights:
            return None if self.weights is None else Path(self.weights)
        package, _, name = self.weights.partition(":")
        spec = importlib.util.find_spec(package)
        folder = Path(package) if spec is None or spec.origin is None else Path(spec.origin).parent
        return folder / name


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
