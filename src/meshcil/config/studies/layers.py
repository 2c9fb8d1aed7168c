"""Settings of MEMO's look into the layers, on digits or clothes (MEMO, section 4.3)."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from meshcil.config.methods.der import Settings as ExpandableSettings
from meshcil.config.methods.wa import Settings as SingleSettings
from meshcil.config.studies.base import StudySettings, idx_files


class Settings(StudySettings):
    """Which layers move most, and which become alike from step to step."""

    dataset: Literal["digits", "fashion-mnist"] = "digits"
    """scikit-learn's digits of 8 x 8 pixels, or Fashion-MNIST's clothes of 28 x 28."""
    root: str = "data/raw/fashion-mnist"
    """Folder with the four files of Fashion-MNIST."""
    classes_per_step: int = Field(2, ge=1)
    """Classes that arrive at each step."""
    train_per_class: int = Field(100, ge=1)
    """Training images of a class."""
    test_per_class: int = Field(20, ge=1)
    """Test images of a class, on which representations are compared."""
    kept_per_class: int = Field(10, ge=1)
    """Exemplars of an earlier class."""
    single: SingleSettings
    """One network with distillation: gradients and shifts of its blocks. A CIFAR ResNet."""
    expandable: ExpandableSettings
    """A network per step: likeness of the networks. A CIFAR ResNet."""

    def input_files(self) -> tuple[Path, ...]:
        """The dataset's files, and weights that the networks start from."""
        weights = [method.backbone.weights_file for method in (self.single, self.expandable)]
        images = idx_files(Path(self.root)) if self.dataset == "fashion-mnist" else ()
        return (*images, *(path for path in dict.fromkeys(weights) if path))
