"""One's own images: a folder with a table ``annotations.csv``.

Columns ``image`` (path below the folder), ``class`` and ``split`` (train or test) are required. With poses, the table
also has ``azimuth``, ``elevation``, ``theta`` (degrees), ``distance`` (CAD units), ``px``, ``py`` and ``focal``
(pixels), and the folder holds ``CAD/<class>/NN.off``. Without poses, 2D methods run.
"""

import csv
import math
from functools import lru_cache
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import Annotation, RawImage, RawSample, read_image, refuse_escape, require_folder

TABLE = "annotations.csv"
REQUIRED = ("image", "class", "split")
POSE = ("azimuth", "elevation", "theta", "distance", "px", "py", "focal")
_REMEDY = f"Correct {TABLE}; docs/adding-a-dataset.md lists its columns"


@lru_cache(maxsize=4)
def read_table(root: Path) -> tuple[dict[str, str], ...]:
    """Rows of the table, in order.

    Raises:
        InputError: when the table is missing, not UTF-8, empty, or lacks a required column or value.
    """
    require_folder(root, "images")
    path = root / TABLE
    if not path.is_file():
        raise InputError(path, "is missing" if not path.exists() else "is not a file", _REMEDY)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"is not a UTF-8 table ({error})", "Save it as CSV in UTF-8") from error
    if not rows:
        raise InputError(path, "lists no images", _REMEDY)
    missing = [name for name in REQUIRED if name not in rows[0]]
    if missing:
        raise InputError(path, f"lacks the columns {', '.join(missing)}", _REMEDY)
    for line, row in enumerate(rows, start=2):
        if any(not row[name] for name in REQUIRED) or row["split"] not in ("train", "test"):
            raise InputError(path, f"line {line} needs an image, a class, and train or test as split", _REMEDY)
    return tuple(rows)


def read_pose(row: dict[str, str], where: str, shape: tuple[int, int]) -> Annotation | None:
    """The viewpoint of one row; None when all its columns are empty or absent.

    Args:
        row: of the table.
        where: file and line, for messages.
        shape: (height, width) of the image: the box is the whole image.

    Raises:
        InputError: when some values are missing or one is no finite number.
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
        raise InputError(where, f"has a pose that is no number ({error})", _REMEDY) from error
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
        found: dict[str, list[RawSample]] = {name: [] for name in self.source.classes}
        for index, row in enumerate(read_table(root)):
            name = row["class"]
            if row["split"] == split and name in found:
                stem = Path(row["image"]).with_suffix("").as_posix()
                found[name].append(RawSample(f"{name}/{stem}", name, root / row["image"], root / TABLE, index))
        empty = [name for name, members in found.items() if not members]
        if empty:
            remedy = "A class without images cannot be used: leave it out of `classes`"
            raise InputError(root / TABLE, f"has no {split} image of {', '.join(empty)}", remedy)
        return [sample for members in found.values() for sample in members]

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and read its row."""
        refuse_escape(sample.image, [self.source.root])
        pixels = read_image(sample.image)
        row = read_table(self.source.root)[sample.object_index]
        where = f"{self.source.root / TABLE}, line {sample.object_index + 2}"
        return RawImage(pixels, read_pose(row, where, pixels.shape[:2]))

    def known_classes(self) -> list[str]:
        """Classes of the table."""
        return sorted({row["class"] for row in read_table(self.source.root)})
