"""The resolved run: everything the stages of one job chain need, in one validated file (run.json)."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, SerializeAsAny, field_validator

from meshcil.config.base import ClassName, Name, Seed, Settings, load_settings, named_file, validate, validate_by_kind
from meshcil.config.budget import Budget, parse_budget
from meshcil.config.classifier import ClassifierSettings
from meshcil.config.dataset import DatasetSettings
from meshcil.config.methods.base import MethodSettings
from meshcil.config.variants import find_method
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.naming import available, known_names, load_object


class ProtocolSettings(Settings):
    """How the classes arrive."""

    description: str
    """One sentence for the report."""
    base: int = Field(ge=0)
    """Classes of the first step; 0 means as many as `increment` (Base0)."""
    increment: int = Field(ge=1)
    """Classes of each later step; a remainder makes a last, smaller step."""
    order: Literal["dataset", "seed", "run"] | tuple[str, ...] = "dataset"
    """`dataset`: the dataset's order; `seed`: a permutation drawn from `order_seed`; `run`: one drawn from the run's
    training seed; or the names of all classes of the dataset, as a list, first to last."""
    order_seed: Seed = 1993
    """Seed of the permutation (NumPy's legacy generator, as the public CIL toolboxes draw it)."""
    classes: int | None = Field(None, ge=1)
    """Use only the first so many classes of the order; all when absent."""


ANY_BUDGET = "any"
"""Budget of a first step, which is trained before there are exemplars: runs under all budgets go on from it."""


PLAIN = "clean"
"""The test set of ordinary images, which every dataset has."""


class RunKey(Settings):
    """Names that identify a run; the components of its path."""

    dataset: Name
    """File name in config/datasets."""
    protocol: Name
    """File name in config/protocols."""
    method: Name
    """Name of a method or variant in config/methods."""
    budget: Name
    """Exemplar budget by name; `any` in the settings of a first step."""
    seed: Seed
    """Training seed."""

    @property
    def path(self) -> str:
        """Folder of the run below results/runs."""
        return f"{self.dataset}/{self.protocol}/{self.method}/{self.budget}/seed{self.seed}"

    def trained_as(self, step: int) -> "RunKey":
        """Key under which ``step`` is trained: the first step is shared by the runs that differ in their budget."""
        return self if step > 0 else self.model_copy(update={"budget": ANY_BUDGET})

    def trained_in(self, step: int) -> str:
        """Folder below results/runs that holds the state after ``step``."""
        return f"{self.trained_as(step).path}/step{step}"


class RunConfig(Settings):
    """One run, fully resolved."""

    schema_version: int = 1
    """Version of this file's layout."""
    key: RunKey
    """Names it was resolved from."""
    dataset: DatasetSettings
    """Dataset block."""
    protocol: ProtocolSettings
    """Protocol block."""
    steps: tuple[tuple[ClassName, ...], ...]
    """Classes that arrive at each step, in order."""
    method: SerializeAsAny[MethodSettings]
    """Method block; its class follows from `method.kind`."""

    @field_validator("method", mode="before")
    @classmethod
    def _choose_settings(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("kind"), str):
            return method_settings(value["kind"]).model_validate(value)
        return value

    @property
    def classes(self) -> tuple[str, ...]:
        """All classes in the order in which they arrive; a class's label is its position here."""
        return tuple(name for step in self.steps for name in step)

    @property
    def budget(self) -> Budget:
        """Exemplar budget. Raises InputError when its name is none, as `any` is, of which only first steps are."""
        return parse_budget(self.key.budget)

    def test_sets(self, suite: str) -> tuple[str, ...]:
        """Test sets of a suite of the dataset. Raises InputError when the dataset has no such suite."""
        suites = self.dataset.suites
        if suite not in suites:
            known = known_names(suite, sorted(suites))
            raise InputError(f"suite {suite!r}", f"is not a suite of dataset {self.key.dataset}", known)
        return suites[suite]

    def asked(self, class_names: Iterable[str]) -> list[int]:
        """Positions, in a test set of these classes, of the images that the run is asked about (`test_parts`)."""
        parts, counts = self.dataset.test_parts, Counter[str]()
        chosen = []
        for position, name in enumerate(class_names):
            if counts[name] % parts == self.key.seed % parts:
                chosen.append(position)
            counts[name] += 1
        return chosen

    def groups(self, test_set: str, step: int) -> list[set[str]]:
        """Classes whose images of a test set are asked about after ``step``, group by group.

        First those seen. Of the plain test set then those to come: do the scores tell what is not known yet?
        """
        seen = set(self.seen(step))
        later = set(self.classes) - seen if test_set == PLAIN else set[str]()
        return [seen, later] if later else [seen]

    def seen(self, step: int) -> tuple[str, ...]:
        """Classes seen up to and including ``step``."""
        return tuple(name for classes in self.steps[: step + 1] for name in classes)


def method_settings(kind: str) -> type[MethodSettings]:
    """Settings class of a method, by name: that of its module, or, without one, what all 2D methods have.

    Raises InputError when there is no such method.
    """
    methods = available("meshcil.methods")
    if kind not in methods:
        raise InputError(kind, "is not in meshcil.methods", known_names(kind, methods))
    # Only by its name: the method's own module imports torch, which settings do without.
    own = kind in available("meshcil.config.methods")
    return load_object("meshcil.config.methods", kind, "Settings") if own else ClassifierSettings


def load_method(name: str, config_root: Path) -> MethodSettings:
    """Settings of the method or variant of that name, of the class that its `kind` names; see `find_method`."""
    source = find_method(name, config_root)
    return validate_by_kind(method_settings, source.content, source.where, "icarl")


def load_run(path: Path) -> RunConfig:
    """Read a run.json. Raises InputError when it is missing, truncated or does not validate."""
    return validate(RunConfig, read_json(path), path)


def load_dataset(name: str, config_root: Path) -> DatasetSettings:
    """Read and validate `config/datasets/<name>.yaml`."""
    return load_settings(DatasetSettings, named_file(config_root, "datasets", name))


def load_protocol(name: str, config_root: Path) -> ProtocolSettings:
    """Read and validate `config/protocols/<name>.yaml`."""
    return load_settings(ProtocolSettings, named_file(config_root, "protocols", name))
