"""Render the raw files of an embedded dataset."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import load_settings, yaml_files
from meshcil.config.dataset import DatasetSettings, GeneratorSettings
from meshcil.core.artifacts import replace_folder
from meshcil.core.errors import InputError
from meshcil.core.naming import load_module
from meshcil.lineage.code import generator_modules
from meshcil.lineage.record import record_job
from meshcil.stages.command import execute, progress_bar, require_positive


def main(
    dataset: Annotated[Path, typer.Option(help="Settings of the dataset (YAML).")],
    out: Annotated[Path, typer.Option(help="Folder for the raw files; replaced when it exists.")],
    workers: Annotated[int, typer.Option(help="Processes; the images do not depend on it.")] = 1,
) -> None:
    """Render the raw files of an embedded dataset, in the layout of Pascal3D+."""
    require_positive("--workers", workers)
    settings = load_settings(DatasetSettings, dataset)
    if settings.generator is None:
        raise InputError(dataset, "has no `generator`", "Only embedded datasets are rendered; bring the raw files")
    job = record_job(
        "generate",
        inputs=[*yaml_files(dataset), *_models(settings, settings.generator)],
        outputs=[out],
        settings=settings.model_dump(mode="json"),
        modules=generator_modules("generate", settings),
        key={"dataset": out.name},
        seed=settings.generator.seed,
        workers=workers,
    )
    # Other settings must not leave stray images among the new ones.
    with job, replace_folder(out) as folder:
        _render(settings, settings.generator, folder, workers)


def _models(settings: DatasetSettings, generator: GeneratorSettings) -> list[Path]:
    """Folders of the CAD models that are rendered, one per class.

    Raises InputError saying what to put there when the folder is missing.
    """
    if not generator.models:
        return []
    if not Path(generator.models).is_dir():
        remedy = settings.obtain or "Put the CAD models there, or correct `generator.models`"
        raise InputError(generator.models, "is missing: the folder of CAD models", remedy)
    return [Path(generator.models) / name for name in settings.classes]


def _render(settings: DatasetSettings, generator: GeneratorSettings, out: Path, workers: int) -> None:
    module = load_module("meshcil.datasets", generator.kind)
    sets = settings.test_sets.values()
    options = {
        "classes": settings.classes,
        "train_per_class": generator.train_per_class,
        "test_per_class": generator.test_per_class,
        "ood_per_class": generator.ood_per_class,
        "image_size": settings.image_size,
        "focal": settings.focal,
        "levels": tuple(sorted({s.level for s in sets if s.level is not None})),
        "nuisances": tuple(s.nuisance for s in sets if s.nuisance is not None),
        "seed": generator.seed,
        "models": generator.models,
        "test_models": generator.test_models,
        "azimuths": generator.azimuths,
    }
    # Each generator takes what it has a use for.
    known = {field.name for field in fields(module.GeneratorSettings)}
    wanted = module.GeneratorSettings(**{name: value for name, value in options.items() if name in known})
    with progress_bar("render") as progress:
        module.generate(out, wanted, workers, progress)


if __name__ == "__main__":
    execute(main)
