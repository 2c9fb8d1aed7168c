"""Settings of MEMO's look into the layers, on handwritten digits (MEMO, section 4.3)."""

from pathlib import Path

from pydantic import Field

from meshcil.config.methods.der import Settings as ExpandableSettings
from meshcil.config.methods.wa import Settings as SingleSettings
from meshcil.config.studies.base import StudySettings


class Settings(StudySettings):
    """Which layers move most, and which become alike from step to step."""

    classes_per_step: int = Field(2, ge=1)
    """Digits that arrive at each step."""
    train_per_class: int = Field(100, ge=1)
    """Training images of a digit."""
    test_per_class: int = Field(20, ge=1)
    """Test images of a digit, on which representations are compared."""
    kept_per_class: int = Field(10, ge=1)
    """Exemplars of an earlier digit."""
    single: SingleSettings
    """One network with distillation: gradients and shifts of its blocks. A CIFAR ResNet."""
    expandable: ExpandableSettings
    """A network per step: likeness of the networks. A CIFAR ResNet."""

    def input_files(self) -> tuple[Path, ...]:
        """Weights that the networks start from."""
        weights = [method.backbone.weights_file for method in (self.single, self.expandable)]
        return tuple(path for path in dict.fromkeys(weights) if path)
