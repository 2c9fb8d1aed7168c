"""A prepared table written in parts: over processes, in fixed order, and resumable after any part.

90 000 small files would be as many entries in DVC and as many seeks in training; one file of 30 GB could neither be
resumed nor written without holding it in memory. So a table is cut into Parquet files of about equal size, which
pyarrow, pandas and DuckDB read as one.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from meshcil.core.artifacts import read_json, write_json_atomic, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.datasets.base import RawSample, counted
from meshcil.datasets.prepared import PreparedRow, write_split

SHARD_BYTES = 2**30
"""Decoded bytes of the images in one file; as JPEG about an eighth of it."""
PROGRESS = ".progress"

Left = tuple[str, str, str]
"""Id, file and cause of an image that was left out."""
Mapper = Callable[[Callable[[RawSample], PreparedRow | Left], Sequence[RawSample]], Iterator[PreparedRow | Left]]


@dataclass(frozen=True)
class Recipe:
    """How tables are written."""

    classes: tuple[str, ...]  # in class order
    skip: bool  # leave out unusable images instead of stopping
    mapper: Mapper  # applies a function to samples, in order
    total: int  # images of all splits
    progress: Callable[[int, int], None] | None = None  # called with (images done, images in all)


def write_skipped(out: Path, skipped: Mapping[str, Sequence[Left]]) -> None:
    """Write ``skipped.csv`` when anything was left out of a split."""
    rows = [(split, *entry) for split, entries in skipped.items() for entry in entries]
    if rows:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows([("split", "id", "file", "cause"), *rows])
        write_text_atomic(out / "skipped.csv", buffer.getvalue())


def shard_rows(size: tuple[int, int]) -> int:
    """Images of one file, from their (H, W)."""
    return max(SHARD_BYTES // (3 * size[0] * size[1]), 1)


def write_table(
    out: Path,
    split: str,
    samples: Sequence[RawSample],
    prepare: Callable[..., PreparedRow],
    options: Mapping[str, Any],
    recipe: Recipe,
    *,
    done: int = 0,
) -> list[Left]:
    """Prepare ``samples`` and write ``<split>.parquet``, a file or a folder of files; the images that were left out.

    Parts that an earlier, interrupted call left in ``out`` are kept. ``prepare`` makes one row of a sample and
    ``options``, among them ``frame``. ``done`` images were finished before, for the progress. Raises InputError when an
    image is unusable and the recipe does not skip it, or a class has no usable image.
    """
    order = {name: position for position, name in enumerate(recipe.classes)}
    ordered = sorted(samples, key=lambda sample: (order[sample.class_name], sample.id))
    rows = shard_rows(options["frame"].size)
    parts = [ordered[start : start + rows] for start in range(0, len(ordered), rows)]
    table, left_out = out / f"{split}.parquet", []
    attempt = partial(_attempt, prepare, dict(options), recipe.skip)
    for number, part in enumerate(parts):
        mark = out / PROGRESS / f"{split}-{number:05d}.json"
        if not mark.is_file():
            file = table / f"{number:05d}.parquet" if len(parts) > 1 else table
            write_json_atomic(mark, _write_part(file, recipe.mapper(attempt, part), recipe, done))
        left_out += [tuple(entry) for entry in read_json(mark)]
        done += len(part)
    _require_classes(split, samples, left_out)
    return left_out


def _require_classes(split: str, samples: Sequence[RawSample], left_out: Sequence[Left]) -> None:
    gone = {entry[0]: entry for entry in left_out}
    empty = {s.class_name for s in samples} - {s.class_name for s in samples if s.id not in gone}
    for name in sorted(empty):
        _, file, cause = next(gone[s.id] for s in samples if s.class_name == name)
        raise InputError(file, f"{cause}, as every {split} image of {name}", "Restore the class or leave it out")


def _attempt(
    prepare: Callable[..., PreparedRow], options: Mapping[str, Any], skip: bool, sample: RawSample
) -> PreparedRow | Left:
    try:
        return prepare(sample, **options)
    except InputError as error:
        if not skip:
            raise
        return sample.id, error.where, error.cause


def _write_part(file: Path, results: Iterator[PreparedRow | Left], recipe: Recipe, done: int) -> list[Left]:
    rows, left_out = [], []
    for result in counted(results, recipe.total, recipe.progress, done):
        (rows if isinstance(result, PreparedRow) else left_out).append(result)
    write_split(file, rows)
    return left_out
