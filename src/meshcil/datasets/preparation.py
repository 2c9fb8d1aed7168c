"""Preparation: raw trees in published layouts to the prepared container (NeMo's preparation, any window size)."""

import math
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from meshcil.core.artifacts import write_json_atomic
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_path
from meshcil.core.naming import load_module
from meshcil.core.processes import mapper
from meshcil.datasets.base import RawImage, RawSample, Reader, Source, require_folder
from meshcil.datasets.borders import border_texture
from meshcil.datasets.cad import pooled_vertices
from meshcil.datasets.prepared import DatasetInfo, PreparedRow, encode_jpeg, encode_png, write_info
from meshcil.datasets.shards import PROGRESS, Left, Recipe, write_skipped, write_table
from meshcil.datasets.windows import DISTANCE, Window, cover, cut_image, cut_mask, fill_border, fit_image, locate
from meshcil.geometry.cuboids import fit_cuboid

_THINNEST = 0.01


@dataclass(frozen=True)
class Frame:
    """What prepared images look like."""

    size: tuple[int, int]  # (H, W) in pixels
    # focal length in pixels; None in a dataset without poses, whose images are only resized and cut
    focal: float | None = None
    crop: float = 1.0  # see `fit_image`
    encoding: str = "png"  # "png" or "jpeg"
    textures: Path | None = None  # folder of DTD for the borders; None for embedded textures

    def encode(self, pixels: UInt8[np.ndarray, "H W 3"]) -> bytes:
        """Pixels as they are stored."""
        return encode_jpeg(pixels) if self.encoding == "jpeg" else encode_png(pixels)


def prepare_sample(sample: RawSample, *, reader: Reader, frame: Frame, partition: str) -> PreparedRow:
    """Prepare one image: rescale, cut, fill the border, measure occlusion.

    Border textures of the partitions "train" and "test" are disjoint. Raises InputError when a file is missing or
    damaged, or the frame needs a pose that the image lacks.
    """
    raw = reader.read(sample)
    annotation, window = raw.annotation, place(sample, raw, frame)
    if window is None or annotation is None:
        pixels = fit_image(raw.pixels, frame.size, frame.crop)
        none = math.nan
        return PreparedRow(
            sample.id, sample.class_name, frame.encode(pixels), none, none, none, none, (0, 0, 0, 0), 0.0
        )
    pixels = cut_image(raw.pixels, window)
    if any(window.padding):
        texture = border_texture(frame.textures, partition, sample.id, frame.size)
        pixels = fill_border(pixels, window.padding, texture)
    occlusion, masks = _occlusion(raw, lambda mask: cut_mask(mask, window))
    return PreparedRow(
        id=sample.id,
        class_name=sample.class_name,
        image=frame.encode(pixels),
        azimuth=annotation.azimuth,
        elevation=annotation.elevation,
        theta=annotation.theta,
        distance=annotation.distance,
        padding=window.padding,
        occlusion=occlusion,
        mask=masks[0],
        occluder_mask=masks[1],
    )


def place(sample: RawSample, raw: RawImage, frame: Frame) -> Window | None:
    """Where the window of an image lies; None in a dataset without poses.

    Raises InputError when the frame needs a pose that the image lacks, or the image cannot be brought to the frame's
    scale.
    """
    if frame.focal is not None and raw.annotation is None:
        remedy = "Give it one, or leave `focal` out of the dataset's settings: then 2D methods run"
        raise InputError(sample.image, "has no pose", remedy)
    shape = raw.pixels.shape[:2]
    try:
        if frame.focal is not None:
            return locate(shape, raw.annotation, frame.size, frame.focal)
        cover(shape, frame.size, frame.crop)
    except InputError as error:
        raise InputError(sample.annotation or sample.image, f"{error.where} {error.cause}", error.remedy) from error
    return None


def _occlusion(
    raw: RawImage, cut: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, tuple[bytes | None, bytes | None]]:
    """Hidden share of the object, and the masks as stored."""
    if raw.masks is None:
        return 0.0, (None, None)
    whole, occluder = cut(raw.masks.object), cut(raw.masks.occluder)
    share = float((whole & occluder).sum() / whole.sum()) if whole.any() else math.nan
    return share, (encode_png(whole), encode_png(occluder))


def layout_root(root: Path, layout: str) -> Path:
    """The folder of a layout: ``root/<layout>`` where there is one (several layouts under one root), else ``root``."""
    return root / layout if (root / layout).is_dir() else root


def make_reader(
    raw_root: Path, classes: Sequence[str], options: Mapping[str, Any], main_layout: str = "pascal3d"
) -> Reader:
    """The reader of a test set, or of the training images.

    ``options`` has ``layout``, ``root`` when the files lie elsewhere, and what the layout needs (``level``...). The
    annotations of ``main_layout`` in ``raw_root`` give the poses of occluded copies. Raises InputError for an unknown
    layout.
    """
    layout, own = str(options["layout"]), options.get("root")
    module = load_module("meshcil.datasets", layout)
    if not hasattr(module, "Reader"):
        raise InputError(layout, "is not a layout", "docs/data-formats.md lists the layouts")
    folder = layout_root(Path(own) if own else raw_root, layout)
    return module.Reader(Source(folder, tuple(classes), layout_root(raw_root, main_layout), dict(options)))


def first_of_each(samples: list[RawSample], options: Mapping[str, Any]) -> list[RawSample]:
    """As many images of each class as the option `per_class` says, the first ones; all without it."""
    limit, taken = options.get("per_class"), Counter[str]()
    if limit is None:
        return samples
    chosen = []
    for sample in samples:
        taken[sample.class_name] += 1
        if taken[sample.class_name] <= limit:
            chosen.append(sample)
    return chosen


def list_unique(reader: Reader, split: str, skip: bool) -> tuple[list[RawSample], list[tuple[RawSample, str]]]:
    """Samples of a split, and those that repeat an id. Raises InputError when an id repeats and ``skip`` is False."""
    samples = first_of_each(reader.samples("train" if split == "train" else "test"), reader.source.options)
    kept: dict[str, RawSample] = {}
    repeated = []
    for sample in samples:
        if sample.id not in kept:
            kept[sample.id] = sample
        elif skip:
            repeated.append((sample, "repeats the id of another image"))
        else:
            raise InputError(sample.image, f"repeats the id {sample.id}", "Name each image once")
    return list(kept.values()), repeated


def prepare_dataset(
    readers: Mapping[str, Reader],
    frame: Frame,
    out: Path,
    *,
    classes: Sequence[str],
    skip_unusable: bool = False,
    workers: int = 1,
    coverage: float = 0.99,
    name: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Prepare a dataset and all its test sets. Run again after an interruption, it goes on where it stood.

    ``readers`` are those of the training images ("train") and of each test set, by name. With ``skip_unusable``,
    unusable images are listed in ``skipped.csv`` instead of stopping. ``coverage`` is the share of the CAD vertices
    that a cuboid spans on each axis. ``progress`` is called with (images done, images in all). Raises InputError when
    raw files are missing or damaged; no ``dataset.json`` is written then.
    """
    require_folder(readers["train"].source.root, "raw data")
    for unfinished in out.rglob(".*.tmp"):
        unfinished.unlink()  # of a writer that was killed; a table in parts is hashed with all its files
    listed = {split: list_unique(reader, split, skip_unusable) for split, reader in readers.items()}
    bounds = {} if frame.focal is None else {c: cuboid(readers["train"], c, coverage) for c in classes}
    total = sum(len(kept) for kept, _ in listed.values())
    with mapper(workers) as apply:
        recipe = Recipe(tuple(classes), skip_unusable, apply, total, progress)
        skipped = _write_tables(out, listed, readers, frame, recipe)
    digests = {split: sha256_path(out / f"{split}.parquet") for split in listed}
    write_skipped(out, skipped)
    shutil.rmtree(out / PROGRESS)
    write_json_atomic(out / "cuboids.json", bounds)
    digests["cuboids"] = sha256_path(out / "cuboids.json")
    write_info(
        out,
        DatasetInfo(
            name=name or out.name,
            classes=tuple(classes),
            image_size=frame.size,
            focal=None if frame.focal is None else float(frame.focal),
            distance=DISTANCE,
            test_sets=tuple(split for split in readers if split != "train"),
            counts={
                split: len(kept) + len(repeated) - len(skipped[split]) for split, (kept, repeated) in listed.items()
            },
            sha256=digests,
            textures="embedded" if frame.textures is None else "dtd",
            skipped={split: len(entries) for split, entries in skipped.items()},
        ),
    )


def _write_tables(
    out: Path,
    listed: Mapping[str, tuple[list[RawSample], list[tuple[RawSample, str]]]],
    readers: Mapping[str, Reader],
    frame: Frame,
    recipe: Recipe,
) -> dict[str, list[Left]]:
    """Write every split's table; per split what was left out, images that repeat an id first."""
    skipped: dict[str, list[Left]] = {}
    done = 0
    for split, (samples, repeated) in listed.items():
        partition = "train" if split == "train" else "test"
        options = {"reader": readers[split], "frame": frame, "partition": partition}
        left_out = write_table(out, split, samples, prepare_sample, options, recipe, done=done)
        skipped[split] = [*((sample.id, str(sample.image), cause) for sample, cause in repeated), *left_out]
        done += len(samples)
    return skipped


def cuboid(reader: Reader, class_name: str, coverage: float) -> list[list[float]]:
    """Bounds of a class's cuboid, from all its CAD models.

    A flat one, as of ObjectNet3D's signs, becomes as thick as `_THINNEST` of its longest side.
    """
    bounds = fit_cuboid(torch.from_numpy(pooled_vertices(reader.models(class_name))), coverage)
    extent = bounds[:, 1] - bounds[:, 0]
    missing = (_THINNEST * extent.max() - extent).clamp(min=0) / 2
    return torch.stack([bounds[:, 0] - missing, bounds[:, 1] + missing], dim=1).tolist()
