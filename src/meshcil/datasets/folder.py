"""One's own images: a folder with a table ``annotations.csv``.

Columns ``image`` (path below the folder), ``class`` and ``split`` (train or test) are required. With poses, the table
also has ``azimuth``, ``elevation``, ``theta`` (degrees), ``distance`` (CAD units), ``px``, ``py`` and ``focal``
(pixels), and the folder holds ``CAD/<class>/NN.off``. Without poses, 2D methods run.
"""

import csv
import io
import math
from functools import lru_cache
from pathlib import Path

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import Annotation, RawImage, RawSample, refuse_escape, require_folder, unique_stems
from meshcil.datasets.images import read_image, refuse_turned

TABLE = "annotations.csv"
REQUIRED = ("image", "class", "split")
LINE = "\n"
"""Key of a row's line number; no column can have that name."""
POSE = ("azimuth", "elevation", "theta", "distance", "px", "py", "focal")
_REMEDY = f"Correct {TABLE}; docs/adding-a-dataset.md lists its columns"


@lru_cache(maxsize=4)
def read_table(root: Path) -> tuple[dict[str, str], ...]:
    """Rows of the table, in order.

    Raises InputError when the table is missing, not UTF-8, empty, or lacks a required column or value.
    """
    require_folder(root, "images")
    path = root / TABLE
    text = limits.read_text(path, limits.TEXT_BYTES, "Save it as CSV in UTF-8")
    head = text.split("\n", 1)[0]
    # Spreadsheets separate by semicolons where the comma is the decimal sign.
    separator = max(",;\t", key=head.count)
    rows: list[dict[str, str]] = []
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        missing = [name for name in REQUIRED if name not in (table.fieldnames or ())]
        for row in table:
            if None in row:
                raise InputError(path, f"line {table.line_num} has more fields than there are columns", _REMEDY)
            rows.append({name: value or "" for name, value in row.items()} | {LINE: str(table.line_num)})
    except csv.Error as error:
        cause = f"is not a table that can be read (line {table.line_num}: {error})"
        raise InputError(path, cause, "Look for an unclosed quotation mark") from error
    if text.strip() and missing:
        found = {",": "commas", ";": "semicolons", "\t": "tabs"}[separator]
        raise InputError(path, f"lacks the columns {', '.join(missing)} (it is separated by {found})", _REMEDY)
    if not rows:
        raise InputError(path, "lists no images", _REMEDY)
    for row in rows:
        if any(not row[name] for name in REQUIRED) or row["split"] not in ("train", "test"):
            cause = f"line {row[LINE]} needs an image, a class, and train or test as split"
            raise InputError(path, cause, _REMEDY)
    return tuple(rows)


def read_pose(row: dict[str, str], where: str, shape: tuple[int, int]) -> Annotation | None:
    """The viewpoint of one row; None when all its columns are empty or absent. The box is the whole image.

    ``where`` names file and line, ``shape`` is (height, width). Raises InputError when some values are missing or one
    is not a finite number.
    """
    texts = {name: (row.get(name) or "").strip() for name in POSE}
    if not any(texts.values()):
        return None
    empty = [name for name, text in texts.items() if not text]
    if empty:
        raise InputError(where, f"has a pose without {', '.join(empty)}", "Give all of them, or none")
    try:
        values = {name: float(text) for name, text in texts.items()}
    except ValueError as error:
        remedy = f"Write 1.5, not 1,5. {_REMEDY}" if "," in str(error) else _REMEDY
        raise InputError(where, f"has a pose that is not a number ({error})", remedy) from error
    if not all(math.isfinite(v) for v in values.values()) or values["focal"] <= 0 or values["distance"] <= 0:
        raise InputError(where, "needs finite angles, and a positive distance and focal length", _REMEDY)
    return Annotation(
        class_name=row["class"],
        azimuth=math.radians(values["azimuth"]) % (2 * math.pi),
        elevation=math.radians(values["elevation"]),
        theta=math.radians(values["theta"]),
        distance=values["distance"],
        focal=values["focal"],
        principal=(values["px"], values["py"]),
        bbox=(0.0, 0.0, float(shape[1]), float(shape[0])),
        cad_index=0,
    )


class Reader(base.Reader):
    """Images in the order of the table, class by class."""

    def samples(self, split: str) -> list[RawSample]:
        """The rows with this split."""
        root = self.source.root
        found: dict[str, list[RawSample]] = {}
        table = [(index, row) for index, row in enumerate(read_table(root)) if row["split"] == split]
        for name in self.source.classes:
            rows = [(index, Path(row["image"])) for index, row in table if row["class"] == name]
            # A file that is listed twice is one, and is refused as such.
            stems = unique_stems(list(dict.fromkeys(path for _, path in rows)))
            ids = dict(zip(dict.fromkeys(path for _, path in rows), stems, strict=True))
            found[name] = [RawSample(f"{name}/{ids[p]}", name, root / p, root / TABLE, i) for i, p in rows]
        empty = [name for name, members in found.items() if not members]
        if empty:
            remedy = "A class without images cannot be used: leave it out of `classes`"
            raise InputError(root / TABLE, f"has no {split} image of {', '.join(empty)}", remedy)
        return [sample for members in found.values() for sample in members]

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and read its row."""
        refuse_escape(sample.image, [self.source.root])
        row = read_table(self.source.root)[sample.object_index]
        if any((row.get(name) or "").strip() for name in POSE):
            refuse_turned(sample.image)
        pixels = read_image(sample.image, upright=True)
        where = f"{self.source.root / TABLE}, line {row[LINE]}"
        return RawImage(pixels, read_pose(row, where, pixels.shape[:2]))

    def known_classes(self) -> list[str]:
        """Classes of the table."""
        return sorted({row["class"] for row in read_table(self.source.root)})
