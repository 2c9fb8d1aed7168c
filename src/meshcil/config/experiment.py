"""Settings of an experiment: which runs, which tables, which figures."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from meshcil.config.base import Name, Seed, Settings, check_columns, load_settings, named_file
from meshcil.config.run import RunKey
from meshcil.core.errors import InputError
from meshcil.core.naming import available, load_object

SELECTABLE = (
    "dataset",
    "protocol",
    "method",
    "label",
    "budget",
    "kind",
    "seed",
    "step",
    "test_set",
    "task",
    "class_name",
    "metric",
)
"""Columns of the scores that say what was measured; their value and count follow."""


class RunBlock(Settings):
    """All combinations of the listed values are run."""

    datasets: tuple[Name, ...] = Field(min_length=1)
    """Names of files in config/datasets."""
    protocols: tuple[Name, ...] = Field(min_length=1)
    """Names of files in config/protocols."""
    methods: tuple[Name, ...] = Field(min_length=1)
    """Names of methods or variants in config/methods."""
    budgets: tuple[Name, ...] = Field(min_length=1)
    """Exemplar budgets: `none`, `total-<images>`, `per-class-<images>`, `bytes-<n>`, `paper-bytes-<n>`."""
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    """Training seeds."""
    suite: Name = "clean"
    """Test sets evaluated after the last step (`suites` of the dataset); `clean` follows every step.
    A run that several blocks or experiments name is evaluated on the suites of all of them."""
    aligners: tuple[Name, ...] = ()
    """Names of files in config/aligners; each is fitted after every later step and judged under all gates."""


class StudyBlock(Settings):
    """Studies, each with every seed."""

    names: tuple[Name, ...] = Field(min_length=1)
    """Names of files in config/studies."""
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    """Seeds."""


class Artifact(Settings):
    """A table or a figure of the report."""

    name: Name
    """File name below reports/tables or reports/figures, unique over all experiments."""
    kind: Name
    """Module of `meshcil.reporting.tables` or `.figures`; of `.pictures` for a figure with a `run`."""
    title: str = ""
    """Heading in the report; the name when empty."""
    caption: str
    """What it shows, in plain words."""
    select: dict[str, tuple[str | int, ...]] = {}
    """Keep only rows with these values in these columns (method, budget, test_set, ...)."""
    options: dict[str, Any] = {}
    """Settings of this kind of table or figure."""
    run: RunKey | None = None
    """Figures of test images: the run whose predictions after its last step are shown."""

    @model_validator(mode="after")
    def _check_columns(self) -> "Artifact":
        check_columns(self.select, SELECTABLE)
        return self

    @property
    def folder(self) -> str:
        """Subpackage of `meshcil.reporting` with a figure's kind."""
        return "figures" if self.run is None else "pictures"


class ExperimentSettings(Settings):
    """What to run and what to show."""

    title: str
    """Heading in the report."""
    description: str
    """What the experiment asks, in a few sentences."""
    cost: str
    """Expected time on which machine."""
    runs: tuple[RunBlock, ...] = ()
    """Blocks of runs."""
    studies: tuple[StudyBlock, ...] = ()
    """Experiments that are not a chain of incremental steps."""
    tables: tuple[Artifact, ...] = ()
    """Tables, in report order."""
    figures: tuple[Artifact, ...] = ()
    """Figures, in report order."""

    @model_validator(mode="after")
    def _check_names(self) -> "ExperimentSettings":
        if not (self.runs or self.studies):
            raise ValueError("runs and studies are both empty")
        for group in (self.tables, self.figures):
            names = [artifact.name for artifact in group]
            if len(set(names)) != len(names):
                raise ValueError("two tables or two figures have the same name")
        if any(table.run is not None for table in self.tables):
            raise ValueError("a table has no `run`: only a figure of test images has one")
        return self


def load_experiment(name: str, config_root: Path) -> ExperimentSettings:
    """Read `config/experiments/<name>.yaml`; see `meshcil.config.base.load_settings`."""
    return load_settings(ExperimentSettings, named_file(config_root, "experiments", name))


def experiment_names(config_root: Path) -> list[str]:
    """Names of all experiments, sorted."""
    return sorted(path.stem for path in (config_root / "experiments").glob("*.yaml"))


def check_artifact_names(names: Iterable[str], config_root: Path) -> None:
    """Refuse tables and figures of some experiments that have the name of another experiment's, asked for or not.

    All reports are written to one folder, where the later of the two would take the place of the earlier. Raises
    InputError naming both experiments.
    """
    asked = {name: load_experiment(name, config_root) for name in names}
    everywhere = dict(asked)
    for name in experiment_names(config_root):
        if name not in everywhere:
            # Another experiment may be wrong: that is for the one to know who asks for it.
            with suppress(InputError):
                everywhere[name] = load_experiment(name, config_root)
    owners: dict[tuple[str, str], list[str]] = {}
    for name, settings in everywhere.items():
        for place in _places(settings):
            owners.setdefault(place, []).append(name)
    for name, settings in asked.items():
        for kind, artifact in _places(settings):
            for other in owners[kind, artifact]:
                if other != name:
                    where = named_file(config_root, "experiments", name)
                    cause = f"{kind} `{artifact}` is also in {other}, whose files it would overwrite"
                    raise InputError(where, cause, "Rename one of the two")


def _places(experiment: ExperimentSettings) -> list[tuple[str, str]]:
    """Kind and name of each table and figure."""
    return [(kind, artifact.name) for kind in ("tables", "figures") for artifact in getattr(experiment, kind)]


def run_keys(experiment: ExperimentSettings) -> dict[RunKey, tuple[str, ...]]:
    """Runs of an experiment, and the suites that its blocks name for each."""
    suites: dict[RunKey, tuple[str, ...]] = {}
    for block in experiment.runs:
        names = product(block.datasets, block.protocols, block.methods, block.budgets, block.seeds)
        for dataset, protocol, method, budget, seed in names:
            key = RunKey(dataset=dataset, protocol=protocol, method=method, budget=budget, seed=seed)
            suites[key] = tuple(dict.fromkeys([*suites.get(key, ()), block.suite]))
    return suites


def run_aligners(experiment: ExperimentSettings) -> dict[RunKey, tuple[str, ...]]:
    """Aligners of each run of an experiment, in order; runs without any are left out."""
    found: dict[RunKey, tuple[str, ...]] = {}
    for block in experiment.runs:
        for key in run_keys(experiment.model_copy(update={"runs": (block,)})) if block.aligners else ():
            found[key] = tuple(dict.fromkeys([*found.get(key, ()), *block.aligners]))
    return found


def study_jobs(experiment: ExperimentSettings) -> tuple[tuple[str, int], ...]:
    """Name and seed of each study of an experiment, in order."""
    jobs = [(name, seed) for block in experiment.studies for name in block.names for seed in block.seeds]
    return tuple(dict.fromkeys(jobs))


class NoOptions(Settings):
    """Options of a kind that has one form."""


def options_class(folder: str, kind: str) -> type[Settings]:
    """`Options` of a kind: of its module in `meshcil.config`; a kind without a module there takes none.

    Args:
        folder: `tables`, `figures` or `pictures`.
        kind: name, as in YAML files.
    """
    package = f"meshcil.config.{folder}"
    return load_object(package, kind, "Options") if kind in available(package) else NoOptions
