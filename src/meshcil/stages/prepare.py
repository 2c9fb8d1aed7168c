"""Prepare a dataset: raw files to images of one size, poses, cuboids."""

from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import load_settings, yaml_files
from meshcil.config.dataset import DatasetSettings
from meshcil.core.artifacts import replace_folder
from meshcil.datasets.preparation import prepare_dataset
from meshcil.lineage.code import data_modules
from meshcil.lineage.record import record_job
from meshcil.stages.command import execute, limit_threads


def main(
    dataset: Annotated[Path, typer.Option(help="Settings of the dataset (YAML).")],
    out: Annotated[Path, typer.Option(help="Folder for the prepared files; replaced when it exists.")],
    workers: Annotated[int, typer.Option(help="Processes; the files do not depend on it.")] = 1,
) -> None:
    """Prepare the training images and all test sets of a dataset."""
    limit_threads(1)
    settings = load_settings(DatasetSettings, dataset)
    root = Path(settings.root)
    others = {Path(test_set.root) for test_set in settings.test_sets.values() if test_set.root}
    files = [f"{name}.parquet" for name in ("train", *settings.test_sets)]
    job = record_job(
        "prepare",
        inputs=[*yaml_files(dataset), root, *sorted(others)],
        outputs=[out / name for name in ("dataset.json", "cuboids.json", *files)],
        settings=settings.model_dump(mode="json"),
        modules=data_modules("prepare", settings),
        key={"dataset": out.name},
        threads=workers,
    )
    with job, replace_folder(out) as folder:
        prepare_dataset(
            root,
            folder,
            classes=settings.classes,
            image_size=settings.image_size,
            focal=settings.focal,
            test_sets={name: t.model_dump(exclude_none=True) for name, t in settings.test_sets.items()},
            workers=workers,
            coverage=settings.cuboid_coverage,
            name=out.name,
        )


if __name__ == "__main__":
    execute(main)
