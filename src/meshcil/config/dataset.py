"""Settings of a dataset: where the raw files are, how they are prepared, which test sets it has."""

from typing import Literal

from pydantic import Field, model_validator

from meshcil.config.base import Settings


class GeneratorSettings(Settings):
    """Embedded dataset: how many images are rendered, and from which seed."""

    kind: str = "primitives3d"
    """Module of `meshcil.datasets` that writes the raw files."""
    seed: int = 0
    """Objects, poses, light and backgrounds all follow from it; another seed is another dataset."""
    train_per_class: int = Field(80, ge=1)
    """Training images of a class."""
    test_per_class: int = Field(40, ge=1)
    """Clean test images of a class; each has one occluded copy per level."""
    ood_per_class: int = Field(20, ge=1)
    """Images of a class in each out-of-distribution set."""


class TestSet(Settings):
    """One test set and where its raw files are."""

    __test__ = False  # not a test case, whatever pytest thinks of its name
    layout: Literal["pascal3d", "occluded-pascal3d", "ood-cv", "class-folders"]
    """Directory and annotation format; `class-folders` has no poses."""
    root: str | None = None
    """Folder with the raw files; the dataset's own `root` when absent."""
    level: int | None = None
    """Occlusion level 1-3 (`occluded-pascal3d`)."""
    nuisance: str | None = None
    """Nuisance (`ood-cv`): shape, pose, texture, context or weather."""


class DatasetSettings(Settings):
    """A dataset in Pascal3D+ format and its test sets."""

    description: str
    """One sentence for the report."""
    root: str
    """Folder with the raw files, relative to the working folder."""
    generator: GeneratorSettings | None = None
    """Renders the raw files; absent for data that you bring."""
    classes: tuple[str, ...]
    """Class names in the dataset's order; labels are positions in it."""
    image_size: tuple[int, int]
    """Height and width of prepared images in pixels."""
    focal: float = Field(gt=0)
    """Focal length of prepared images in pixels; they are rescaled to look as if taken from distance 5."""
    cuboid_coverage: float = Field(0.99, gt=0, le=1)
    """Share of CAD vertices per axis that a class's cuboid covers."""
    test_sets: dict[str, TestSet]
    """Test sets by name; `clean` is required."""
    suites: dict[str, tuple[str, ...]]
    """Named groups of test sets that one evaluation job handles; `clean` is required."""

    @model_validator(mode="after")
    def _check_names(self) -> "DatasetSettings":
        if "clean" not in self.test_sets or "clean" not in self.suites:
            raise ValueError("test_sets and suites each need an entry `clean`")
        unknown = {name for suite in self.suites.values() for name in suite} - set(self.test_sets)
        if unknown:
            raise ValueError(f"suites name unknown test sets: {', '.join(sorted(unknown))}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes has duplicates")
        return self
