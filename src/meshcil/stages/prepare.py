"""Prepare a dataset: raw files to images of one size, poses, cuboids."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from meshcil.config.base import load_settings, yaml_files
from meshcil.config.dataset import DatasetSettings
from meshcil.core.artifacts import resume_folder
from meshcil.core.errors import InputError
from meshcil.datasets.preparation import make_reader, prepare_dataset
from meshcil.lineage.code import data_modules
from meshcil.lineage.record import record_job
from meshcil.stages.command import execute, limit_threads


def main(
    dataset: Annotated[Path, typer.Option(help="Settings of the dataset (YAML).")],
    out: Annotated[Path, typer.Option(help="Folder for the prepared files; replaced when it exists.")],
    workers: Annotated[int, typer.Option(help="Processes; the files do not depend on it.")] = 1,
) -> None:
    """Prepare the training images and all test sets of a dataset; an interrupted run is continued."""
    limit_threads(1)
    settings = load_settings(DatasetSettings, dataset)
    require_raw_files(settings, dataset)
    files = [f"{name}.parquet" for name in ("train", *settings.test_sets)]
    job = record_job(
        "prepare",
        inputs=[*yaml_files(dataset), *raw_files(settings)],
        outputs=[out / name for name in ("dataset.json", "cuboids.json", *files)],
        settings=settings.model_dump(mode="json"),
        modules=data_modules("prepare", settings),
        key={"dataset": out.name},
        threads=workers,
    )
    bar = tqdm(desc="prepare", unit="image", disable=not sys.stderr.isatty())
    with job as identity, resume_folder(out, identity) as folder, bar:
        prepare(settings, folder, out.name, workers, _advance(bar))


def prepare(
    settings: DatasetSettings,
    folder: Path,
    name: str,
    workers: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Prepare by the settings; see `prepare_dataset`."""
    textures = settings.texture_root
    prepare_dataset(
        Path(settings.root),
        folder,
        classes=settings.classes,
        image_size=settings.image_size,
        focal=settings.focal,
        test_sets={test: t.model_dump(exclude_none=True) for test, t in settings.test_sets.items()},
        layout=settings.layout,
        crop=settings.crop,
        encoding=settings.encoding,
        textures=Path(textures) if textures else None,
        skip_unusable=settings.unusable == "skip",
        workers=workers,
        coverage=settings.cuboid_coverage,
        name=name,
        progress=progress,
    )


def raw_files(settings: DatasetSettings) -> list[Path]:
    """Files and folders that the preparation reads, each once, none inside another."""
    root = Path(settings.root)
    options = [{"layout": settings.layout}, *(t.model_dump(exclude_none=True) for t in settings.test_sets.values())]
    readers = [make_reader(root, settings.classes, option, settings.layout) for option in options]
    found = {path for reader in readers for path in reader.files()}
    if settings.texture_root:
        found.add(Path(settings.texture_root))
    return sorted(path for path in found if not found & set(path.parents))


def require_raw_files(settings: DatasetSettings, where: Path) -> None:
    """Check that every folder with raw files is there.

    Raises:
        InputError: naming the folder, and what to put there.
    """
    for root in settings.roots():
        if not Path(root).is_dir():
            remedy = settings.obtain or "Put the raw files there or correct `root`"
            raise InputError(where, f"`root` {root} is not a folder", remedy)


def _advance(bar: tqdm) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return show


if __name__ == "__main__":
    execute(main)
