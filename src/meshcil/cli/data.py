"""Commands on raw files: `meshcil data check | prepare | unpack`."""

import csv
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meshcil.core.code_digest import repository_root
from meshcil.stages.command import progress_bar, require_positive

if TYPE_CHECKING:
    from meshcil.config.dataset import DatasetSettings
    from meshcil.datasets.inspection import Inspection

data = typer.Typer(no_args_is_help=True, help="Check, prepare and unpack raw files of datasets.")
SHOWN = 10
"""Problems of one kind that are listed; the others are counted."""

Name = Annotated[str, typer.Argument(help="Name in config/datasets.")]
Config = Annotated[Path, typer.Option(help="Folder with the configuration.")]
Workers = Annotated[int, typer.Option(help="Processes.")]


@data.command()
def check(
    name: Name,
    root: Annotated[
        Path | None, typer.Option(help="Folder with the raw files; the dataset's `root` if absent.")
    ] = None,
    config: Config = Path("config"),
    workers: Workers = max((os.cpu_count() or 2) - 1, 1),
) -> None:
    """Open every raw image and annotation; exit code 2 when the dataset cannot be used. Writes nothing."""
    from meshcil.config.base import named_file
    from meshcil.config.run import load_dataset

    require_positive("--workers", workers)
    settings = load_dataset(name, config)
    if root is not None:
        settings = settings.model_copy(update={"root": str(root)})
    settings.require_roots(named_file(config, "datasets", name))
    with progress_bar("check") as show:
        found = _inspect(name, settings, workers, show)
    usable = found.usable(skip=settings.unusable == "skip")
    print("\n".join(report(name, found, usable=usable)))
    raise typer.Exit(0 if usable else 2)


@data.command()
def prepare(name: Name, config: Config = Path("config"), workers: Workers = os.cpu_count() or 1) -> None:
    """Prepare one dataset: data/prepared/NAME. An interrupted preparation is continued."""
    from meshcil.config.base import named_file
    from meshcil.stages.prepare import main

    main(named_file(config, "datasets", name), Path("data/prepared") / name, workers)


@data.command()
def unpack(
    archive: Annotated[Path, typer.Argument(help="A tar, tar.gz or zip file.")],
    folder: Annotated[Path, typer.Argument(help="Folder to create.")],
) -> None:
    """Unpack an archive, whole or not at all; one with members that lead out of the folder is refused."""
    from meshcil.datasets.archives import extract

    print(f"{extract(archive, folder)} files in {folder}")


def _inspect(
    name: str, settings: "DatasetSettings", workers: int, progress: Callable[[int, int], None]
) -> "Inspection":
    from meshcil.datasets.inspection import inspect_dataset
    from meshcil.stages.prepare import frame_of, readers_of

    row = version_row(name)
    expected = dict(entry.split("=") for entry in row.get("counts", "").split(";") if entry)
    pinned = dict(entry.split("=") for entry in row.get("sha256", "").split(";") if entry)
    return inspect_dataset(
        readers_of(settings),
        frame_of(settings),
        expected={split: int(count) for split, count in expected.items()},
        digests={Path(settings.root) / file: digest for file, digest in pinned.items()},
        workers=workers,
        progress=progress,
    )


def version_row(name: str) -> dict[str, str]:
    """Row of data/versions.csv; empty for a dataset that has none."""
    path = repository_root() / "data/versions.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        return next((row for row in csv.DictReader(stream) if row["dataset"] == name), {})


def report(name: str, found: "Inspection", *, usable: bool) -> Iterable[str]:
    """Lines of the report: a table of usable images, then the problems, then the verdict."""
    splits = list(found.counts)
    classes = list(dict.fromkeys(c for counts in found.counts.values() for c in counts))
    rows = [[c, *(str(found.counts[s].get(c, "-")) for s in splits)] for c in classes]
    rows.append(["all", *(str(sum(found.counts[s].values())) for s in splits)])
    widths = [max(len(row[i]) for row in [["class", *splits], *rows]) for i in range(len(splits) + 1)]
    for first, *numbers in [["class", *splits], *rows]:
        padded = [cell.rjust(width) for cell, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *padded])
    for kind in dict.fromkeys(problem.kind for problem in found.problems):
        same = [problem for problem in found.problems if problem.kind == kind]
        unusable = sum(problem.unusable for problem in same)
        yield f"\n{kind}: {len(same)} problems" + (f", {unusable} make it unusable" if unusable else ", to be known")
        yield from (f"  {p.split + ': ' if p.split else ''}{p.where}: {p.cause}" for p in same[:SHOWN])
        if len(same) > SHOWN:
            yield f"  and {len(same) - SHOWN} more"
    yield f"\nThe prepared copy takes about {found.bytes / 1e6:,.1f} MB"
    yield f"{name} can be used" if usable else f"{name} cannot be used as it is"
