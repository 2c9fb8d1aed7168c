"""Which modules a stage runs: its own, and those that its settings choose by name.

Used by the workflow for the parameter that decides about reruns, and by the record of the job: the same
list for both, so that a record never claims code that did not cause a rerun. Each function takes the stage and the
settings that the job works by.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from meshcil.config.dataset import DatasetSettings
from meshcil.config.run import RunConfig
from meshcil.core.code_digest import source_file
from meshcil.core.naming import module_name


@runtime_checkable
class Kind(Protocol):
    """Settings that choose a module; their classes stay out, since every job would rerun after an edit of them."""

    @property
    def kind(self) -> str:
        """Name of the module."""
        ...


def stage_modules(stage: str, settings: Any = None) -> tuple[str, ...]:
    """The module of a stage whose settings choose no other."""
    return (module_name("meshcil.stages", stage),)


def settings_modules(stage: str, run: RunConfig) -> tuple[str, ...]:
    """Modules of a stage that reads a run's settings but loads no method: resolve, score."""
    return (*stage_modules(stage), type(run.method).__module__)


def run_modules(stage: str, run: RunConfig) -> tuple[str, ...]:
    """Modules of a stage that works with a method: train, select, predict."""
    method = module_name("meshcil.methods", run.method.kind)
    return (*settings_modules(stage, run), method, module_name("meshcil.models.backbones", run.method.backbone.name))


def aligner_modules(stage: str, settings: tuple[RunConfig, Kind]) -> tuple[str, ...]:
    """Modules of a stage that works with a method and an aligner: align, predict_aligned."""
    run, aligner = settings
    parts = (module_name("meshcil.config.aligners", aligner.kind), module_name("meshcil.aligners", aligner.kind))
    return (*run_modules(stage, run), *parts)


def study_modules(stage: str, study: Kind) -> tuple[str, ...]:
    """Modules of a study."""
    parts = ("config.studies", "studies")
    return (*stage_modules(stage), *(module_name(f"meshcil.{part}", study.kind) for part in parts))


def generator_modules(stage: str, dataset: DatasetSettings) -> tuple[str, ...]:
    """Modules of `generate` and of the generator that the dataset names."""
    found = [module_name("meshcil.datasets", dataset.generator.kind)] if dataset.generator else []
    return (*stage_modules(stage), *found)


def reader_modules(stage: str, dataset: DatasetSettings) -> tuple[str, ...]:
    """Modules of `prepare` and of the layouts that it reads."""
    return (*stage_modules(stage), *(module_name("meshcil.datasets", layout) for layout in dataset.layouts()))


def artifact_modules(stage: str, artifact: Any) -> tuple[str, ...]:
    """Modules of `table` or `figure`, and of the kind drawn."""
    folder = "tables" if stage == "table" else artifact.folder
    return (*stage_modules(stage), module_name(f"meshcil.reporting.{folder}", artifact.kind))


def report_modules(stage: str, experiments: Mapping[str, Any]) -> tuple[str, ...]:
    """Modules of `report` and of the kinds of tables whose numbers it explains."""
    kinds = sorted({table.kind for settings in experiments.values() for table in settings.tables})
    return (*stage_modules(stage), *(module_name("meshcil.reporting.tables", kind) for kind in kinds))


def track_modules(stage: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    """Modules of `track` and of the tracker it logs to."""
    return (*stage_modules(stage), module_name("meshcil.tracking", settings["tracker"]))


def templates() -> Path:
    """Folder of what pages and pictures are filled into: code as well, but no module."""
    return source_file("meshcil.reporting").with_name("templates")
