"""Settings of incremental detection with an aligner of box latents (ELI, section 4.3)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from meshcil.config.aligners.eli import Settings as AlignerSettings
from meshcil.config.base import Settings as Block
from meshcil.config.studies.base import StudySettings


class PhaseSettings(Block):
    """One stretch of training."""

    epochs: int = Field(ge=1)
    """Passes over the phase's images."""
    lr: float = Field(gt=0)
    """Learning rate (AdamW), falling to zero along a cosine."""


class Settings(StudySettings):
    """A detector learns some classes, then others with distillation and balanced exemplars; box latents are aligned."""

    root: str
    """Folder that holds VOCdevkit/VOC2007."""
    dataset: str = ""
    """Name in config/datasets of the rendered dataset in `root`; empty for real files."""
    classes: tuple[str, ...] = Field(min_length=2)
    """In order of arrival; other classes are ignored."""
    base: int = Field(ge=1)
    """Classes of the first step; the rest arrive in the second."""
    network: Literal["small", "mobilenet-v3-large-320-fpn", "fasterrcnn-resnet50-fpn"] = "small"
    """torchvision's detectors, or a small one for the CPU."""
    weights: str | None = None
    """safetensors file to start from; random initialisation when absent. Never downloaded."""
    image_size: int | None = Field(None, ge=32)
    """Shorter side that images are resized to; the network's own when absent."""
    batch_size: int = Field(8, ge=1)
    """Images per batch."""
    weight_decay: float = Field(1e-4, ge=0)
    """Of AdamW."""
    first: PhaseSettings
    """First classes."""
    increment: PhaseSettings
    """Later classes, with distillation; only their boxes are annotated."""
    balanced: PhaseSettings
    """Equally many images of every class: exemplars and as many of the later classes."""
    exemplars: int = Field(10, ge=1)
    """Images kept per earlier class, and used per later one, in the balanced phase."""
    feature_weight: float = Field(1.0, ge=0)
    """Weight of the distillation of the backbone's maps."""
    box_weight: float = Field(0.2, ge=0)
    """Weight of the distillation of box logits and offsets."""
    score_threshold: float = Field(0.05, ge=0, lt=1)
    """Detections below are dropped."""
    aligner: AlignerSettings
    """Aligner of the box head's latents."""

    @model_validator(mode="after")
    def _check_base(self) -> "Settings":
        if self.base >= len(self.classes):
            raise ValueError("base must leave at least one class for the second step")
        return self

    def input_files(self) -> tuple[Path, ...]:
        """The weights, and the real dataset's folder; a rendered one is named by its record."""
        weights = (Path(self.weights),) if self.weights else ()
        return weights if self.dataset else (*weights, Path(self.root) / "VOCdevkit" / "VOC2007")

    def rendered(self) -> str:
        """The rendered dataset."""
        return self.dataset
