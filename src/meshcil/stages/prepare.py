"""Prepare a dataset: raw files to images of one size, poses, cuboids."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import load_settings, yaml_files
from meshcil.config.dataset import DatasetSettings
from meshcil.core.artifacts import resume_folder
from meshcil.datasets.base import Reader
from meshcil.datasets.preparation import Frame, make_reader, prepare_dataset
from meshcil.lineage.code import reader_modules
from meshcil.lineage.record import record_job
from meshcil.stages.command import execute, limit_threads, progress_bar, require_positive


def main(
    dataset: Annotated[Path, typer.Option(help="Settings of the dataset (YAML).")],
    out: Annotated[Path, typer.Option(help="Folder for the prepared files; replaced when it exists.")],
    workers: Annotated[int, typer.Option(help="Processes; the files do not depend on it.")] = 1,
) -> None:
    """Prepare the training images and all test sets of a dataset; an interrupted run is continued."""
    require_positive("--workers", workers)
    limit_threads(1)
    settings = load_settings(DatasetSettings, dataset)
    settings.require_roots(dataset)
    files = [f"{name}.parquet" for name in ("train", *settings.test_sets)]
    job = record_job(
        "prepare",
        inputs=[*yaml_files(dataset), *raw_files(settings)],
        outputs=[out / name for name in ("dataset.json", "cuboids.json", *files)],
        settings=settings.model_dump(mode="json"),
        modules=reader_modules("prepare", settings),
        key={"dataset": out.name},
        # Only where an unusable image was left out.
        possible=[out / "skipped.csv"],
        workers=workers,
    )
    with job as identity, resume_folder(out, identity) as folder, progress_bar("prepare") as progress:
        prepare(settings, folder, out.name, workers, progress)


def prepare(
    settings: DatasetSettings, folder: Path, name: str, workers: int, progress: Callable[[int, int], None] | None = None
) -> None:
    """Prepare by the settings; see `prepare_dataset`."""
    prepare_dataset(
        readers_of(settings),
        frame_of(settings),
        folder,
        classes=settings.classes,
        skip_unusable=settings.unusable == "skip",
        workers=workers,
        coverage=settings.cuboid_coverage,
        name=name,
        progress=progress,
    )


def readers_of(settings: DatasetSettings) -> dict[str, Reader]:
    """Readers of the training images and of every test set."""
    options = {"train": {"layout": settings.layout, "per_class": settings.per_class}}
    options |= {test: t.model_dump(exclude_none=True) for test, t in settings.test_sets.items()}
    options = {split: own | {"strict_objects": settings.strict_objects} for split, own in options.items()}
    root = Path(settings.root)
    return {split: make_reader(root, settings.classes, o, settings.layout) for split, o in options.items()}


def frame_of(settings: DatasetSettings) -> Frame:
    """What the prepared images look like."""
    textures = Path(settings.texture_root) if settings.texture_root else None
    return Frame(settings.image_size, settings.focal, settings.crop, settings.encoding, textures)


def raw_files(settings: DatasetSettings) -> list[Path]:
    """Files and folders that the preparation reads, each once, none inside another."""
    found = {path for reader in readers_of(settings).values() for path in reader.files()}
    if settings.texture_root:
        found.add(Path(settings.texture_root))
    return sorted(path for path in found if not found & set(path.parents))


if __name__ == "__main__":
    execute(main)
