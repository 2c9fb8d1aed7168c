"""Settings of the network that turns an image into a feature map."""

import importlib.util
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from meshcil.config.base import Settings


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
