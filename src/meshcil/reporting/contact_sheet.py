"""What the data look like: training images of each class, one test image under every test set.

Reads the Parquet files of a prepared dataset (`meshcil.datasets.prepared`) without torch.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.reporting.mosaic import REMEDY, decode_png, jpeg_text, render_svg
from meshcil.reporting.palette import INK

TRAIN_IMAGES = 4
TILE = 84
"""Pixels of a tile's side."""
MAX_BYTES = 600_000
_GAP = 4
_SAME = "one test image"


@dataclass(frozen=True)
class Column:
    """One column of tiles: a split, and which image of each class is shown."""

    split: str
    title: str
    group: str


def contact_sheet(data: Path) -> str:
    """SVG with one row per class.

    Columns: training images; the same test image on the test sets that share its ids (clean and occluded); an
    image of each other test set.

    Args:
        data: folder of a prepared dataset.

    Raises:
        InputError: when a file is missing or an image is damaged.
    """
    info = read_json(data / "dataset.json")
    classes, sets = list(info["classes"]), list(info["test_sets"])
    splits = {name: _read(data / f"{name}.parquet") for name in ["train", *sets]}
    chosen = {name: _common_id(splits, sets, name) for name in classes}
    same = [name for name in sets if all(chosen[c] in set(splits[name]["id"]) for c in classes)]
    columns = [Column("train", str(i + 1), "training") for i in range(TRAIN_IMAGES)]
    columns += [Column(name, name, _SAME) for name in same]
    columns += [Column(name, name, "other test images") for name in sets if name not in same]
    tiles = {}
    for y, name in enumerate(classes):
        for x, column in enumerate(columns):
            tile = _tile(splits[column.split], column, name, chosen[name], data)
            if tile is not None:
                tiles[_left(columns, x), y * (TILE + _GAP)] = tile
    return _render(tiles, columns, classes)


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=["id", "class_name", "image"])
    except FileNotFoundError as error:
        raise InputError(path, "is missing", "Prepare the dataset first, or correct the path") from error
    except (OSError, ValueError) as error:
        raise InputError(path, f"is truncated or no prepared split ({error})", REMEDY) from error


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


def _tile(split: pd.DataFrame, column: Column, class_name: str, chosen: str, data: Path) -> Image.Image | None:
    rows = split[split["class_name"] == class_name]
    if column.group == _SAME:
        rows = rows[rows["id"] == chosen]
        index = 0
    else:
        # Training images from all over the split, so that poses and instances differ.
        index = (int(column.title) - 1) * len(rows) // TRAIN_IMAGES if column.split == "train" else 0
    if index >= len(rows):
        return None
    row = rows.iloc[index]
    image = decode_png(row["image"], f"{data / column.split}.parquet ({row['id']})")
    return image.resize((TILE, TILE), Image.Resampling.LANCZOS)


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
