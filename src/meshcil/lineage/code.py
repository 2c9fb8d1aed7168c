"""Which modules a stage runs: its own, and those that the settings choose by name.

Used by the workflow for the parameter that decides about reruns, and by the record of the job: the same
list for both, so that a record never claims code that did not cause a rerun.
"""

from collections.abc import Iterable
from pathlib import Path

from meshcil.config.dataset import DatasetSettings
from meshcil.config.methods.base import MethodSettings
from meshcil.config.run import RunConfig
from meshcil.core.code_digest import source_file
from meshcil.core.naming import module_name


def stage_module(stage: str) -> str:
    """Module of a stage."""
    return module_name("meshcil.stages", stage)


def method_modules(method: MethodSettings) -> tuple[str, ...]:
    """Modules that a method's settings choose by name."""
    return (
        module_name("meshcil.config.methods", method.kind),
        module_name("meshcil.methods", method.kind),
        module_name("meshcil.models.backbones", method.backbone.name),
    )


def run_modules(stage: str, run: RunConfig) -> tuple[str, ...]:
    """Modules of a stage that works with a method: train, select, predict."""
    return (stage_module(stage), *method_modules(run.method))


def aligner_modules(stage: str, run: RunConfig, kind: str) -> tuple[str, ...]:
    """Modules of a stage that works with a method and an aligner: align, predict_aligned."""
    parts = (module_name("meshcil.config.aligners", kind), module_name("meshcil.aligners", kind))
    return (*run_modules(stage, run), *parts)


def settings_modules(stage: str, run: RunConfig) -> tuple[str, ...]:
    """Modules of a stage that reads a run's settings but loads no method: resolve, score."""
    return (stage_module(stage), module_name("meshcil.config.methods", run.method.kind))


def study_modules(kind: str) -> tuple[str, ...]:
    """Modules of a study."""
    return (stage_module("study"), *(module_name(f"meshcil.{part}", kind) for part in ("config.studies", "studies")))


def data_modules(stage: str, dataset: DatasetSettings) -> tuple[str, ...]:
    """Modules of a data stage: `generate` adds the generator that the dataset names, `prepare` the layouts."""
    if stage == "generate" and dataset.generator is not None:
        return (stage_module(stage), module_name("meshcil.datasets", dataset.generator.kind))
    if stage == "prepare":
        return (stage_module(stage), *(module_name("meshcil.datasets", layout) for layout in dataset.layouts()))
    return (stage_module(stage),)


def artifact_modules(stage: str, folder: str, kind: str) -> tuple[str, ...]:
    """Modules of `table` or `figure` and of the kind drawn, in ``folder`` of the reporting package."""
    return (stage_module(stage), module_name(f"meshcil.reporting.{folder}", kind))


def report_modules(kinds: Iterable[str]) -> tuple[str, ...]:
    """Modules of `report` and of the kinds of tables whose numbers it explains."""
    return (stage_module("report"), *(module_name("meshcil.reporting.tables", kind) for kind in sorted(set(kinds))))


def templates() -> Path:
    """Folder of what pages and pictures are filled into: code as well, but no module."""
    return source_file("meshcil.reporting").with_name("templates")


def track_modules(tracker: str = "mlflow") -> tuple[str, ...]:
    """Modules of `track` and of the tracker it logs to."""
    return (stage_module("track"), module_name("meshcil.tracking", tracker))
