"""Preparation: raw trees in published layouts to the prepared container (NeMo's preparation, any window size)."""

import math
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from meshcil.core.artifacts import write_json_atomic
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.datasets.cad import pooled_vertices
from meshcil.datasets.class_folders import list_folders
from meshcil.datasets.occluded_pascal3d import list_occluded, read_masks
from meshcil.datasets.ood_cv import list_nuisance
from meshcil.datasets.pascal3d import RawSample, list_split, read_annotation, require_folder
from meshcil.datasets.prepared import DatasetInfo, PreparedRow, encode_png, write_info, write_split
from meshcil.datasets.primitives.textures import fill_texture
from meshcil.datasets.windows import DISTANCE, cut_image, cut_mask, fill_border, locate, read_image
from meshcil.geometry.cuboids import fit_cuboid

LAYOUTS = ("pascal3d", "occluded-pascal3d", "ood-cv", "class-folders")


def prepare_sample(sample: RawSample, *, size: tuple[int, int], focal: float, partition: str) -> PreparedRow:
    """Prepare one image: rescale, cut, fill the border, measure occlusion.

    Args:
        sample: where image and annotation lie.
        size: (H, W) of the result.
        focal: focal length of the result in pixels.
        partition: "train" or "test"; their border textures are disjoint.

    Raises:
        InputError: when a file is missing or damaged.
    """
    image = read_image(sample.image)
    if sample.annotation is None:
        return prepare_plain(sample, image, size)
    annotation = read_annotation(sample.annotation, sample.object_index)
    window = locate(image.shape[:2], annotation, size, focal)
    pixels = cut_image(image, window)
    if any(window.padding):
        texture = (fill_texture(f"{partition}/{sample.id}", *size) * 255 + 0.5).astype(np.uint8)
        pixels = fill_border(pixels, window.padding, texture)
    occlusion, masks = (0.0 if sample.occlusion is None else math.nan), (None, None)
    if sample.occlusion is not None:
        original = read_masks(sample.occlusion)
        if original.object.shape != image.shape[:2]:
            raise InputError(sample.occlusion, f"masks do not have the size of {sample.image.name}", "Restore both")
        whole, occluder = (cut_mask(mask, window) for mask in (original.object, original.occluder))
        masks = (encode_png(whole), encode_png(occluder))
        if whole.any():
            occlusion = float((whole & occluder).sum() / whole.sum())
    return PreparedRow(
        id=sample.id,
        class_name=sample.class_name,
        image=encode_png(pixels),
        azimuth=annotation.azimuth,
        elevation=annotation.elevation,
        theta=annotation.theta,
        distance=annotation.distance,
        padding=window.padding,
        occlusion=occlusion,
        mask=masks[0],
        occluder_mask=masks[1],
    )


def prepare_plain(sample: RawSample, image: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> PreparedRow:
    """Prepare an image without a pose: resize it to ``size`` (H, W); angles and distance are NaN."""
    height, width = size
    if image.shape[:2] != size:
        image = np.array(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    angles = dict.fromkeys(("azimuth", "elevation", "theta", "distance"), math.nan)
    return PreparedRow(
        id=sample.id,
        class_name=sample.class_name,
        image=encode_png(image),
        padding=(0, 0, 0, 0),
        occlusion=0.0,
        **angles,
    )


def layout_root(root: Path, layout: str) -> Path:
    """The folder of a layout: ``root/<layout>`` where there is one (several layouts under one root), else ``root``."""
    return root / layout if (root / layout).is_dir() else root


def list_test_set(raw_root: Path, classes: Sequence[str], test_set: Mapping[str, Any]) -> list[RawSample]:
    """The images of a test set.

    Args:
        raw_root: root of the data set; its Pascal3D+ annotations give the poses of occluded copies.
        classes: categories, in class order.
        test_set: ``layout`` (one of ``LAYOUTS``), and ``level`` (occluded-pascal3d) or ``nuisance`` (ood-cv);
            ``root`` when the files lie elsewhere.
    """
    layout, own = test_set["layout"], test_set.get("root")
    folder = layout_root(Path(own) if own else raw_root, layout)
    match layout:
        case "pascal3d":
            return list_split(folder, classes, "val")
        case "occluded-pascal3d":
            return list_occluded(folder, layout_root(raw_root, "pascal3d"), classes, int(test_set["level"]))
        case "ood-cv":
            return list_nuisance(folder, classes, str(test_set["nuisance"]))
        case "class-folders":
            return list_folders(folder, classes, "val")
        case _:
            raise ValueError(f"layout must be one of {LAYOUTS}, got {layout!r}")


def _all_rows(
    listed: Mapping[str, list[RawSample]], size: tuple[int, int], focal: float, workers: int
) -> Iterator[tuple[str, list[PreparedRow]]]:
    """Prepared rows split by split; samples are spread over processes."""
    if workers == 1:
        for split, samples in listed.items():
            prepare = _preparer(split, size, focal)
            yield split, [prepare(sample) for sample in samples]
        return
    # A fresh interpreter per worker: forking after libraries started threads is not safe.
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for split, samples in listed.items():
            yield split, list(pool.map(_preparer(split, size, focal), samples, chunksize=16))


def _preparer(split: str, size: tuple[int, int], focal: float) -> Callable[[RawSample], PreparedRow]:
    return partial(prepare_sample, size=size, focal=focal, partition="train" if split == "train" else "test")


def prepare_dataset(
    raw_root: Path,
    out: Path,
    *,
    classes: Sequence[str],
    image_size: tuple[int, int],
    focal: float,
    test_sets: Mapping[str, Mapping[str, Any]],
    workers: int = 1,
    coverage: float = 0.99,
    name: str | None = None,
) -> None:
    """Prepare a data set and all its test sets.

    Args:
        raw_root: folder with the raw files, in Pascal3D+ layout or with one folder per layout (`layout_root`), or in
            class folders, then all test sets too; there are no poses and no cuboids then.
        out: folder to write.
        classes: categories, in class order.
        image_size: (H, W) of the prepared images.
        focal: focal length of the prepared images in pixels at distance 5.
        test_sets: by name, as `list_test_set` takes them.
        workers: processes; the result does not depend on it.
        coverage: share of the CAD vertices that the cuboid spans on each axis.
        name: of the data set; the name of ``out`` when None.

    Raises:
        InputError: when raw files are missing or damaged. No ``dataset.json`` is written then.
    """
    require_folder(raw_root, "raw data")
    size = (int(image_size[0]), int(image_size[1]))
    posed = any(value["layout"] != "class-folders" for value in test_sets.values())
    poses = layout_root(raw_root, "pascal3d")
    training = list_split(poses, classes, "train") if posed else list_folders(raw_root, classes, "train")
    listed = {"train": training}
    listed |= {test: list_test_set(raw_root, classes, value) for test, value in test_sets.items()}
    vertices = {c: torch.from_numpy(pooled_vertices(poses, c)) for c in classes if posed}
    bounds = {c: fit_cuboid(points, coverage).tolist() for c, points in vertices.items()}
    order = {class_name: position for position, class_name in enumerate(classes)}
    counts, digests = {}, {}
    for split, rows in _all_rows(listed, size, focal, workers):
        path = out / f"{split}.parquet"
        write_split(path, sorted(rows, key=lambda row: (order[row.class_name], row.id)))
        counts[split], digests[split] = len(rows), sha256_file(path)
    write_json_atomic(out / "cuboids.json", bounds)
    digests["cuboids"] = sha256_file(out / "cuboids.json")
    write_info(
        out,
        DatasetInfo(
            name=name or out.name,
            classes=tuple(classes),
            image_size=size,
            focal=float(focal),
            distance=DISTANCE,
            test_sets=tuple(test_sets),
            counts=counts,
            sha256=digests,
        ),
    )
