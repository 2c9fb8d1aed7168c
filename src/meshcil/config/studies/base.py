"""Settings that studies share, and how they are read by name.

A study is an experiment of its own making, in one job per seed: it is not a chain of incremental steps.
"""

from pathlib import Path

from pydantic import Field

from meshcil.config.base import Label, Settings, load_by_kind
from meshcil.core.naming import load_object


class StudySettings(Settings):
    """What every study has."""

    kind: str
    """Module of `meshcil.studies`."""
    label: Label
    """Name in tables and figures."""
    description: str
    """One sentence for the report."""
    mem_mb: int = Field(4000, ge=1)
    """Memory that a cluster is asked for, in MB; the n-th attempt gets n times as much."""
    minutes: int = Field(120, ge=1)
    """Time that a cluster is asked for, in minutes; the n-th attempt gets n times as much."""

    def input_files(self) -> tuple[Path, ...]:
        """Files of a real dataset, as far as they are there, and of weights that the study reads."""
        return ()

    def rendered(self) -> str:
        """Name in config/datasets of the rendered dataset that the study reads; "" for none."""
        return ""

    def rendered_files(self) -> tuple[Path, ...]:
        """Folder of the rendered dataset."""
        return (Path("data/raw") / self.rendered(),) if self.rendered() else ()


def idx_files(folder: Path) -> tuple[Path, ...]:
    """The four files of MNIST, or of a dataset in its format, packed or not; empty unless all are there."""
    names = [f"{p}-{kind}-ubyte" for p in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    found = [next((path for path in (folder / n, folder / f"{n}.gz") if path.is_file()), None) for n in names]
    return tuple(path for path in found if path is not None) if None not in found else ()


def study_settings(kind: str) -> type[StudySettings]:
    """Settings class of a study, by name."""
    return load_object("meshcil.config.studies", kind, "Settings")


def load_study(path: Path) -> StudySettings:
    """Read and validate a file of `config/studies` with the settings class that its `kind` names.

    Raises InputError when the file is missing, names no known kind, or does not validate.
    """
    return load_by_kind(study_settings, path, "two-tasks")
