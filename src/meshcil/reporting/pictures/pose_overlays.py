"""Test images with the predicted mesh and the occlusion map drawn over them, one row per test set.

Images are picked by their place in the test set, not by what was predicted for them, unless the worst errors are
asked for.
"""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from meshcil.config.pictures.pose_overlays import Options
from meshcil.core.errors import InputError
from meshcil.reporting.html import render_svg
from meshcil.reporting.overlay import HIDDEN, SEEN, draw_overlay, jpeg_text
from meshcil.reporting.palette import INK
from meshcil.reporting.shown import Shown, cells
from meshcil.reporting.style import FigureFiles, pdf_bytes

MAX_BYTES = 300_000
TILE = 96
"""Side of a tile in the drawing; its pixels are twice as fine."""
_ZOOM = 2
_GAP = 6
_TEXT = 34
"""Height of the two lines below a tile."""
_LEGEND = (("explained by the mesh", SEEN), ("explained better by the background", HIDDEN))


def draw(shown: Shown, options: Options) -> FigureFiles:
    """Draw each image twice: with the predicted mesh, and with the cells that the mesh and the background explain.

    Raises InputError for a method without meshes, or a test set without predictions.
    """
    shown.need_meshes()
    choose = _rows if options.pick == "place" else _worst
    chosen = [choose(shown.predictions, name, shown.classes, options.images) for name in options.test_sets]
    step, pitch = 2 * TILE + 3 * _GAP, TILE + _TEXT + _GAP
    lines = [math.ceil(len(rows) / options.columns) for rows in chosen]
    across = min(options.columns, max(map(len, chosen)))
    mosaic = Image.new("RGB", (across * step * _ZOOM, sum(lines) * pitch * _ZOOM), INK)
    corners, notes, labels, top = [], [], [], 0
    for test_set, rows, count in zip(options.test_sets, chosen, lines, strict=True):
        labels.append((test_set, top + TILE // 2))
        images = shown.images(test_set, [row["sample_id"] for row in rows])
        for i, row in enumerate(rows):
            place = (i % options.columns * step, top + i // options.columns * pitch)
            for shift, tile in zip((0, TILE + _GAP // 2), _pair(shown, row, images[row["sample_id"]]), strict=True):
                corner = (place[0] + shift, place[1])
                mosaic.paste(tile, (corner[0] * _ZOOM, corner[1] * _ZOOM))
                corners.append(corner)
            notes.append((*place, *_note(row)))
        top += count * pitch
    svg = render_svg(
        "pose_overlays",
        data=jpeg_text(mosaic, MAX_BYTES),
        width=mosaic.width // _ZOOM,
        height=mosaic.height // _ZOOM,
        tile=TILE,
        corners=corners,
        notes=notes,
        rows=labels,
        legend=_LEGEND,
        ink=INK,
    )
    return FigureFiles(svg.encode(), pdf_bytes(_paper(mosaic, corners, notes, labels)))


def _paper(
    mosaic: Image.Image,
    corners: Sequence[tuple[int, int]],
    notes: Sequence[tuple[int, int, str, str]],
    labels: Sequence[tuple[str, int]],
) -> Figure:
    """The same figure for paper; its units are those of the drawing, 96 to the inch."""
    width, height = mosaic.width // _ZOOM + 70, mosaic.height // _ZOOM + 26
    figure = Figure(figsize=(width / 96, height / 96), layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    for x, y in corners:
        tile = mosaic.crop((x * _ZOOM, y * _ZOOM, (x + TILE) * _ZOOM, (y + TILE) * _ZOOM))
        axes.imshow(tile, extent=(x, x + TILE, y + TILE, y), aspect="auto", interpolation="none")
    for x, y, first, second in notes:
        axes.text(x, y + TILE + 13, first, fontsize=8.25, fontweight="bold")
        axes.text(x, y + TILE + 27, second, fontsize=8.25)
    for name, y in labels:
        axes.text(-10, y + 4, name, fontsize=9.75, ha="right")
    for i, (name, colour) in enumerate(_LEGEND):
        axes.add_patch(Rectangle((170 * i, height - 20), 11, 11, color=colour))
        axes.text(170 * i + 16, height - 10, name, fontsize=8.25)
    axes.set(xlim=(-70, width - 70), ylim=(height - 4, -4))
    axes.axis("off")
    return figure


def _rows(predictions: pd.DataFrame, test_set: str, classes: Sequence[str], count: int) -> list[pd.Series]:
    """Predictions to show: of classes that lie evenly apart, a later image of each class."""
    table = predictions[predictions["test_set"] == test_set]
    known = [name for name in classes if (table["true_class"] == name).any()]
    if not known:
        remedy = f"Known: {', '.join(predictions['test_set'].unique())}"
        raise InputError(f"test set {test_set!r}", "has no predictions to show", remedy)
    found = []
    for i in range(count):
        of_class = table[table["true_class"] == known[i * len(known) // count % len(known)]].sort_values("sample_id")
        found.append(of_class.iloc[i * len(of_class) // count])
    return found


def _worst(predictions: pd.DataFrame, test_set: str, classes: Sequence[str], count: int) -> list[pd.Series]:
    """Wrongly classified images with the best fit, one per true class; of the others the largest pose error."""
    table = predictions[predictions["test_set"] == test_set].sort_values("sample_id", kind="stable")
    if table.empty:
        return _rows(predictions, test_set, classes, count)
    wrong = table[table["true_class"] != table["predicted_class"]].sort_values("fit", ascending=False, kind="stable")
    wrong = wrong.drop_duplicates("true_class")
    right = table[table["true_class"] == table["predicted_class"]]
    right = right[~right["true_class"].isin(wrong["true_class"])]
    turned = right.sort_values("pose_error", ascending=False, kind="stable").drop_duplicates("true_class")
    return [row for _, row in pd.concat([wrong, turned]).head(count).iterrows()]


def _pair(shown: Shown, row: pd.Series, image: Image.Image) -> tuple[Image.Image, Image.Image]:
    edges = shown.edges(row, (image.height, image.width))
    covered, occluded = cells(row)
    drawn = draw_overlay(image, edges, zoom=_ZOOM), draw_overlay(image, covered=covered, occluded=occluded, zoom=_ZOOM)
    side = TILE * _ZOOM
    left, right = (part.resize((side, side), Image.Resampling.LANCZOS) for part in drawn)
    return left, right


def _note(row: pd.Series) -> tuple[str, str]:
    """Two lines: the class, and pose error and score."""
    found, true = row["predicted_class"], row["true_class"]
    line = found if found == true else f"{found} (is {true})"
    return line, f"pose {math.degrees(row['pose_error']):.0f}° off, fit {row['fit']:.2f}"
