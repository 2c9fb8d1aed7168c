"""Test images of a dataset beside the predictions of a run: what figures of images are drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy
import pandas as pd
from jaxtyping import Bool, Float
from PIL import Image

from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.reporting.overlay import REMEDY, Edge, View, cuboid_edges, decode_png

_AGAIN = "Delete it and predict again"


@dataclass(frozen=True, eq=False)
class Shown:
    """A run's predictions and the images they are of.

    Attributes:
        classes: of the dataset, in its order.
        predictions: rows of the prediction files (docs/data-formats.md).
        focal: in pixels; None for data without poses.
        bounds: of each class's cuboid, (low, high) per CAD axis; none without poses.
        data: folder of the prepared dataset.
    """

    classes: tuple[str, ...]
    predictions: pd.DataFrame
    focal: float | None
    bounds: Mapping[str, Float[numpy.ndarray, "3 2"]]
    data: Path

    def images(self, test_set: str, ids: Sequence[str]) -> dict[str, Image.Image]:
        """Images of a test set by id; ids that it lacks are left out.

        Raises InputError when the split is missing or damaged.
        """
        path = self.data / f"{test_set}.parquet"
        table = _parquet(path, ["id", "image"], REMEDY)
        chosen = table[table["id"].isin(ids)]
        rows = zip(chosen["id"], chosen["image"], strict=True)
        return {name: decode_png(image, f"{path} ({name})") for name, image in rows}

    def need_meshes(self) -> None:
        """Refuse the predictions of a method without meshes.

        Raises InputError when they lack what only a posed mesh gives.
        """
        missing = {"distance", "fit", "covered", "occluded"} - set(self.predictions.columns)
        if self.focal is None:
            raise InputError(self.data, "has no poses, and so no meshes to draw", "Show a run on data with poses")
        if missing:
            cause = f"lack the columns {', '.join(sorted(missing))}: its method has no meshes"
            raise InputError("predictions of the shown run", cause, "Show a run of a method with meshes")

    def edges(self, row: pd.Series, image_size: tuple[int, int]) -> list[Edge]:
        """Edges of the predicted class's cuboid in the predicted pose, in pixels of an image of (H, W)."""
        angles = (float(row[name]) for name in ("azimuth", "elevation", "theta", "distance"))
        return cuboid_edges(self.bounds[row["predicted_class"]], View(*angles, float(self.focal or 0), image_size))


def cells(row: pd.Series) -> tuple[Bool[numpy.ndarray, "h w"], Bool[numpy.ndarray, "h w"]]:
    """Cells of the feature map that see the mesh, and those of them that the background explains better."""
    where = f"prediction of {row['sample_id']}"
    covered, occluded = (numpy.array(decode_png(row[name], where, "1")) for name in ("covered", "occluded"))
    return covered, occluded


def read_shown(data: Path, predictions: Sequence[Path]) -> Shown:
    """Read what a figure of images needs.

    Args:
        data: folder of a prepared dataset.
        predictions: prediction files of one step of a run.

    Raises:
        InputError: when a file is missing or damaged.
    """
    info = read_json(data / "dataset.json")
    posed = info["focal"] is not None
    cuboids = read_json(data / "cuboids.json") if posed else {}
    table = pd.concat([_parquet(path, None, _AGAIN) for path in predictions], ignore_index=True)
    bounds = {name: numpy.array(rows, dtype=float) for name, rows in cuboids.items()}
    return Shown(tuple(info["classes"]), table, float(info["focal"]) if posed else None, bounds, data)


def _parquet(path: Path, columns: list[str] | None, remedy: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError as error:
        raise InputError(path, "is missing", "Run the stage that writes it, or correct the path") from error
    except (OSError, ValueError) as error:
        raise InputError(path, f"is truncated or has other columns ({error})", remedy) from error
