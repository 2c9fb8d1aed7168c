"""Settings of a dataset: where the raw files are, how they are prepared, which test sets it has."""

from pathlib import Path
from typing import Annotated, Literal
from unicodedata import normalize

from pydantic import Field, StringConstraints, model_validator

from meshcil.config.base import NAME_LENGTH, ClassName, Name, Seed, Settings
from meshcil.core import limits
from meshcil.core.errors import InputError

TestSetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$", max_length=NAME_LENGTH)]
"""File of a prepared dataset, and name in tables."""
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Side = Annotated[int, Field(ge=1, le=limits.SIDE)]


class GeneratorSettings(Settings):
    """Embedded dataset: how many images are rendered, and from which seed."""

    kind: Name = "primitives3d"
    """Module of `meshcil.datasets` that writes the raw files."""
    seed: Seed = 0
    """Objects, poses, light and backgrounds all follow from it; another seed is another dataset."""
    train_per_class: Count = 80
    """Training images of a class."""
    test_per_class: Count = 40
    """Clean test images of a class; each has one occluded copy per level."""
    ood_per_class: Count = 20
    """Images of a class in each out-of-distribution set."""
    models: str = ""
    """`rendered-cad`: folder with the CAD models, `<class>/<NN>.off`."""
    test_models: float = Field(1 / 3, gt=0, lt=1)
    """`rendered-cad`: share of a class's CAD models that test images alone show, rounded up."""
    azimuths: tuple[float, ...] = ()
    """`rendered-cad`, and training images of `primitives3d`: weights of equal sectors of azimuth, the first from 0 (the
    front); uniform when empty. A measured histogram makes poses as unequal as photographs are."""


class TestSet(Settings):
    """One test set and where its raw files are."""

    __test__ = False  # not a test case, whatever pytest thinks of its name
    layout: Name
    """Directory and annotation format: a module of `meshcil.datasets` (docs/data-formats.md)."""
    root: str | None = None
    """Folder with the raw files; the dataset's own `root` when absent."""
    level: Literal[1, 2, 3] | None = None
    """Occlusion level 1-3 (`occluded-pascal3d`)."""
    per_class: int | None = Field(None, ge=1)
    """Images of each class, the first that the files list; all when absent."""
    nuisance: Name | None = None
    """Nuisance (`ood-cv`): shape, pose, texture, context or weather; iid for the images of none."""


class DatasetSettings(Settings):
    """A dataset and its test sets."""

    description: str
    """One sentence for the report."""
    root: str
    """Folder with the raw files, relative to the working folder."""
    obtain: str = ""
    """What belongs into `root`, and where to ask for it; said when it is missing."""
    layout: Name = "pascal3d"
    """Directory and annotation format of the training images: a module of `meshcil.datasets`."""
    generator: GeneratorSettings | None = None
    """Renders the raw files; absent for data that you bring."""
    classes: tuple[ClassName, ...] = Field(min_length=1)
    """Class names in the dataset's order; labels are positions in it."""
    per_class: int | None = Field(None, ge=1)
    """Training images of each class, the first that the files list; all when absent."""
    image_size: tuple[Side, Side]
    """Height and width of prepared images in pixels."""
    focal: float | None = Field(None, gt=0)
    """Focal length of prepared images in pixels; they are rescaled to look as if taken from distance 5. Absent for
    images without poses: they are only resized and cut, and 2D methods run."""
    crop: float = Field(1.0, gt=0, le=1)
    """Without poses: share of the shorter side that the cut around the middle keeps (0.875: 224 of 256 pixels)."""
    encoding: Literal["png", "jpeg"] = "png"
    """How prepared images are stored: `png` keeps every bit, `jpeg` (quality 95) takes an eighth of the space."""
    textures: str | None = None
    """Folder with the Describable Textures Dataset, for the borders of prepared images; embedded textures fill them
    when it is absent or not there."""
    unusable: Literal["refuse", "skip"] = "refuse"
    """An image that cannot be read, or an annotation without a viewpoint: `refuse` stops with a message, `skip` leaves
    it out and lists it in `skipped.csv`."""
    strict_objects: bool = False
    """Pascal3D+: count an image as unusable whose first object is of another class than its list, or has no positive
    distance, as NeMo's later preparation does; its earlier one keeps both, as does `false`."""
    cuboid_coverage: float = Field(0.99, gt=0, le=1)
    """Share of CAD vertices per axis that a class's cuboid covers."""
    test_sets: dict[TestSetName, TestSet]
    """Test sets by name; `clean` is required."""
    test_parts: int = Field(1, ge=1)
    """Test images of each class are dealt out to so many parts, and a run is asked about the part of its training seed.
    Runs of different seeds then differ by chance in test images too, and an interval over seeds covers it."""
    suites: dict[Name, tuple[TestSetName, ...]]
    """Named groups of test sets that one evaluation job handles; `clean` is required."""

    @property
    def posed(self) -> bool:
        """Whether prepared images have a pose and classes a cuboid."""
        return self.focal is not None

    @property
    def texture_root(self) -> str | None:
        """Folder of border textures, when it is there."""
        return self.textures if self.textures and Path(self.textures).is_dir() else None

    def layouts(self) -> tuple[str, ...]:
        """Layouts of the training images and of all test sets, each once."""
        return tuple(dict.fromkeys([self.layout, *(test_set.layout for test_set in self.test_sets.values())]))

    def roots(self) -> tuple[str, ...]:
        """Folders with raw files, each once."""
        return tuple(dict.fromkeys([self.root, *(t.root for t in self.test_sets.values() if t.root)]))

    def require_roots(self, where: Path) -> None:
        """Refuse folders with raw files that are missing. Raises InputError saying what to put there."""
        for root in self.roots():
            if not Path(root).is_dir():
                remedy = self.obtain or "Put the raw files there or correct `root`"
                raise InputError(where, f"`root` {root} is not a folder", remedy)

    @model_validator(mode="after")
    def _check_names(self) -> "DatasetSettings":
        if "clean" not in self.test_sets or "clean" not in self.suites:
            raise ValueError("test_sets and suites each need an entry `clean`")
        if "train" in self.test_sets:
            raise ValueError("test_sets has `train`, which is the name of the training images")
        unknown = {name for suite in self.suites.values() for name in suite} - set(self.test_sets)
        if unknown:
            raise ValueError(f"suites name unknown test sets: {', '.join(sorted(unknown))}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("classes has duplicates")
        spelt: dict[str, str] = {}
        for name in self.classes:
            other = spelt.setdefault(normalize("NFC", name).casefold(), name)
            if other != name:
                raise ValueError(f"classes has `{other}` and `{name}`, which differ in case or accents only")
        return self
