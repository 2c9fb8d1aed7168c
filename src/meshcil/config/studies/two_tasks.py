"""Settings of ELI's two-task experiment on digits or clothes (ELI, section 1 and its public notebooks)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from meshcil.config.aligners.eli import Settings as AlignerSettings
from meshcil.config.studies.base import StudySettings, idx_files


class Settings(StudySettings):
    """Classes 0-4, then 5-9; one linear map to the latents, a head per task; the first task's latents are aligned."""

    dataset: Literal["auto", "mnist", "digits", "fashion-mnist"] = "auto"
    """`mnist` (torchvision's layout, offline), scikit-learn's `digits`, the first of these that is there, or
    `fashion-mnist`."""
    mnist_root: str = "data/raw/mnist"
    """Folder that holds MNIST/raw; for `fashion-mnist` the folder with its four files."""
    width: int = Field(ge=1)
    """Channels of a latent."""
    epochs: int = Field(10, ge=1)
    """Passes over each task of MNIST or Fashion-MNIST."""
    digits_epochs: int = Field(40, ge=1)
    """Passes over each task of scikit-learn's digits, which are a fiftieth as many."""
    batch_size: int = Field(128, ge=1)
    """Images per batch; a last partial batch is dropped."""
    lr: float = Field(0.1, gt=0)
    """Learning rate (SGD)."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Of SGD."""
    train_second_head: bool = False
    """Optimise the second task's head too; the published code leaves it as it was drawn."""
    held_out_share: float = Field(0.2, gt=0, lt=1)
    """Share of the first task's training images that only decide when to stop the aligner."""
    aligner: AlignerSettings
    """The aligner; `iterations` is the published stopping point."""
    notebook_looks: tuple[int, int] | None = None
    """Draw all numbers in the order of the public notebook, from one generator that the seed starts (the notebook's is
    120): with so many passes over test images after the first and after the second task, each of which draws one. No
    training image is set aside then. Absent: each purpose has a generator of its own."""
    picture_points: int = Field(200, ge=0)
    """Test images of the first task in the picture of the latents (first seed only)."""

    @model_validator(mode="after")
    def _stops_in_the_evidence(self) -> "Settings":
        if self.aligner.stopping != "fixed":
            raise ValueError(
                "aligner.stopping must be fixed; where held-out images would stop is found in the same fit"
            )
        return self

    @property
    def files_folder(self) -> Path:
        """The folder with the four files."""
        root = Path(self.mnist_root)
        return root if self.dataset == "fashion-mnist" else root / "MNIST" / "raw"

    def input_files(self) -> tuple[Path, ...]:
        """The four files, if all are there and may be used."""
        return () if self.dataset == "digits" else idx_files(self.files_folder)
