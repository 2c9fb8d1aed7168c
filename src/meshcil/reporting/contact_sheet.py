"""What the data look like: training images of each class, one test image under every test set.

Reads the Parquet files of a prepared dataset (`meshcil.datasets.prepared`) without torch.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.reporting.html import render_svg
from meshcil.reporting.overlay import REMEDY, View, cuboid_edges, decode_png, draw_overlay, jpeg_text
from meshcil.reporting.palette import INK

TRAIN_IMAGES = 4
TILE = 84
"""Pixels of a tile's side."""
MAX_BYTES = 450_000
_GAP = 4
_SAME = "one test image"
_POSE = "its cuboid"


@dataclass(frozen=True)
class Column:
    """One column of tiles: a split, and which image of each class is shown."""

    split: str
    title: str
    group: str


def contact_sheet(data: Path) -> str:
    """SVG with one row per class.

    Columns: training images; the same test image on the test sets that share its ids (clean and occluded); an
    image of each other test set; and, with poses, the class's cuboid drawn over the test image at its annotated pose.

    Args:
        data: folder of a prepared dataset.

    Raises:
        InputError: when a file is missing or an image is damaged.
    """
    info = read_json(data / "dataset.json")
    classes, sets = list(info["classes"]), list(info["test_sets"])
    splits = {name: _read(data / f"{name}.parquet", ["id", "class_name"]) for name in ["train", *sets]}
    chosen = {name: _common_id(splits, sets, name) for name in classes}
    columns = _columns(splits, sets, chosen, posed=info.get("focal") is not None)
    wanted = {
        (y, x): (column.split, _pick(splits[column.split], column, name, chosen[name]))
        for y, name in enumerate(classes)
        for x, column in enumerate(columns)
    }
    rows = {split: _rows(data, split, {i for s, i in wanted.values() if s == split and i}, info) for split in splits}
    bounds = read_json(data / "cuboids.json") if columns[-1].group == _POSE else {}
    tiles = {}
    for (y, x), (split, image_id) in wanted.items():
        if image_id is not None:
            drawn = columns[x].group == _POSE
            cuboid = np.array(bounds[classes[y]]) if drawn else None
            tile = _tile(rows[split].loc[image_id], f"{data / split}.parquet ({image_id})", info, cuboid)
            tiles[_left(columns, x), y * (TILE + _GAP)] = tile
    return _render(tiles, columns, classes)


def _columns(splits: dict[str, pd.DataFrame], sets: list[str], chosen: dict[str, str], *, posed: bool) -> list[Column]:
    held = {name: set(splits[name]["id"]) for name in sets}
    same = [name for name in sets if all(image in held[name] for image in chosen.values())]
    columns = [Column("train", str(i + 1), "training") for i in range(TRAIN_IMAGES)]
    columns += [Column(name, name, _SAME) for name in same]
    columns += [Column(name, name, "other test images") for name in sets if name not in same]
    return [*columns, Column("clean", "pose", _POSE)] if posed else columns


def _read(path: Path, columns: list[str], ids: set[str] | None = None) -> pd.DataFrame:
    """Columns of a Parquet table, of all rows or of those with these ids; a part without them is not read."""
    try:
        return pd.read_parquet(path, columns=columns, filters=None if ids is None else [("id", "in", sorted(ids))])
    except FileNotFoundError as error:
        raise InputError(path, "is missing", "Prepare the dataset first, or correct the path") from error
    except (OSError, ValueError) as error:
        raise InputError(path, f"is truncated or not a prepared split ({error})", REMEDY) from error


def _rows(data: Path, split: str, ids: set[str], info: dict) -> pd.DataFrame:
    """Images and poses by id."""
    posed = ["azimuth", "elevation", "theta"] if info.get("focal") is not None else []
    return _read(data / f"{split}.parquet", ["id", "image", *posed], ids).set_index("id")


def _common_id(splits: dict[str, pd.DataFrame], sets: list[str], class_name: str) -> str:
    """Id of the class's first clean test image that the most other test sets have too."""
    clean = splits["clean"]
    ids = list(clean.loc[clean["class_name"] == class_name, "id"])
    held = [set(splits[name]["id"]) for name in sets]
    return max(ids, key=lambda name: sum(name in ids_of_set for ids_of_set in held), default="")


def _left(columns: list[Column], index: int) -> int:
    """Left edge of a column; groups stand further apart than tiles."""
    breaks = sum(a.group != b.group for a, b in itertools.pairwise(columns[: index + 1]))
    return index * (TILE + _GAP) + 3 * _GAP * breaks


def _pick(split: pd.DataFrame, column: Column, class_name: str, chosen: str) -> str | None:
    """Id of the image of a class that a column shows; None when it has none."""
    ids = list(split.loc[split["class_name"] == class_name, "id"])
    if column.group in (_SAME, _POSE):
        return chosen if chosen in ids else None
    # Training images from all over the split, so that poses and instances differ.
    index = (int(column.title) - 1) * len(ids) // TRAIN_IMAGES if column.split == "train" else 0
    return ids[index] if index < len(ids) else None


def _tile(row: pd.Series, where: str, info: dict, cuboid: np.ndarray | None) -> Image.Image:
    """One image as a square, with the edges of a cuboid when one is given."""
    picture = decode_png(row["image"], where)
    if cuboid is not None:
        height, width = info["image_size"]
        angles = (float(row[name]) for name in ("azimuth", "elevation", "theta"))
        view = View(*angles, float(info["distance"]), float(info["focal"]), (height, width))
        zoom = max(TILE // height, 1)
        picture = draw_overlay(picture, cuboid_edges(cuboid, view), zoom=zoom)
    return picture.resize((TILE, TILE), Image.Resampling.LANCZOS)


def _render(tiles: dict[tuple[int, int], Image.Image], columns: list[Column], classes: list[str]) -> str:
    width, height = _left(columns, len(columns) - 1) + TILE, len(classes) * (TILE + _GAP) - _GAP
    mosaic = Image.new("RGB", (width, height))
    for corner, tile in tiles.items():
        mosaic.paste(tile, corner)
    groups: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        groups.setdefault(column.group, []).append(index)
    return render_svg(
        "contact_sheet",
        data=jpeg_text(mosaic, MAX_BYTES - 40_000),
        width=width,
        height=height,
        tile=TILE,
        tiles=sorted(tiles),
        spans=[(name, _left(columns, ids[0]), _left(columns, ids[-1]) + TILE) for name, ids in groups.items()],
        titles=[(c.title, _left(columns, i) + TILE // 2) for i, c in enumerate(columns) if c.split != "train"],
        rows=[(name, y * (TILE + _GAP) + TILE // 2) for y, name in enumerate(classes)],
        ink=INK,
    )
