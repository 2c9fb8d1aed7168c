"""The container of a prepared dataset: ``dataset.json``, ``cuboids.json`` and one Parquet table per split.

A table is one file, or, when it is large, a folder of numbered files; readers of Parquet take either. Files are a
function of their content: fixed compression, no times or paths in the metadata, rows in the given order.
"""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor

from meshcil.core import limits
from meshcil.core.artifacts import read_json, write_bytes_atomic, write_json_atomic
from meshcil.core.errors import InputError
from meshcil.datasets.images import opened

REMEDY = "Delete the prepared folder and prepare the dataset again"
GROUP_ROWS = 256
"""Rows that are read together; a step reads the groups that hold its classes."""
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("class_name", pa.string(), nullable=False),
        pa.field("image", pa.binary(), nullable=False),
        pa.field("azimuth", pa.float64(), nullable=False),
        pa.field("elevation", pa.float64(), nullable=False),
        pa.field("theta", pa.float64(), nullable=False),
        pa.field("distance", pa.float64(), nullable=False),
        pa.field("padding", pa.list_(pa.int32(), 4), nullable=False),
        pa.field("occlusion", pa.float64(), nullable=False),
        pa.field("mask", pa.binary()),
        pa.field("occluder_mask", pa.binary()),
    ]
)


@dataclass(frozen=True)
class PreparedRow:
    """One prepared image."""

    id: str  # unique within a split; an image and its occluded copies share it
    class_name: str  # category
    image: bytes  # PNG or JPEG, RGB
    azimuth: float  # radians; NaN without a pose, as all angles and the distance
    elevation: float  # radians
    theta: float  # in-plane rotation, radians
    distance: float  # of the original viewpoint; the prepared image looks as if taken from the dataset's distance
    padding: tuple[int, int, int, int]  # pixels (top, bottom, left, right) filled with texture
    occlusion: float  # share of the object's mask that is hidden; 0 for clean images, NaN when unknown
    mask: bytes | None = None  # PNG of one bit per pixel, the whole object; None when unknown
    occluder_mask: bytes | None = None  # PNG of one bit per pixel; None when there is none


@dataclass(frozen=True)
class DatasetInfo:
    """Content of ``dataset.json``."""

    name: str  # of the dataset
    classes: tuple[str, ...]  # in class order
    image_size: tuple[int, int]  # (H, W) in pixels
    focal: float | None  # focal length of the prepared images in pixels; None in a dataset without poses
    distance: float  # camera distance the images were rescaled to
    test_sets: tuple[str, ...]  # names; each is a Parquet table beside ``train.parquet``
    counts: Mapping[str, int]  # images per split
    sha256: Mapping[str, str]  # of each split's file or folder
    textures: str = "embedded"  # what fills the borders: "embedded" or "dtd"
    # images left out of each split as unusable; ``skipped.csv`` names them
    skipped: Mapping[str, int] = field(default_factory=dict)


def encode_png(pixels: UInt8[np.ndarray, "H W 3"] | Bool[np.ndarray, "H W"]) -> bytes:
    """A PNG without metadata; booleans become one bit per pixel."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def encode_jpeg(pixels: UInt8[np.ndarray, "H W 3"]) -> bytes:
    """A JPEG at quality 95, as NeMo's preparation stores images."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def _decode(data: bytes, mode: str, where: str) -> np.ndarray:
    with opened(data, where, REMEDY) as image:
        return np.array(image.convert(mode))


def _decode_into(pixels: UInt8[np.ndarray, "H W 3"], data: bytes, where: str) -> None:
    with opened(data, where, REMEDY) as image:
        if image.size != (pixels.shape[1], pixels.shape[0]):
            cause = f"holds an image of {image.size[0]} x {image.size[1]} pixels among others of another size"
            raise InputError(where, cause, REMEDY)
        raw = (image if image.mode == "RGB" else image.convert("RGB")).tobytes()
        pixels[...] = np.frombuffer(raw, dtype=np.uint8).reshape(pixels.shape)


@dataclass(frozen=True, eq=False)
class PreparedSplit:
    """A split in memory; images are decoded on first use and kept."""

    ids: tuple[str, ...]  # one per image
    class_names: tuple[str, ...]  # one per image
    poses: Float[Tensor, "n 3"]  # (azimuth, elevation, theta) in radians, float32 [n, 3]
    occlusion: Float[Tensor, " n"]  # hidden share of the object, float32 [n], NaN when unknown
    encoded: tuple[bytes, ...]  # PNG of each image
    encoded_masks: tuple[bytes | None, ...]  # PNG of each object mask, or None
    source: str  # the file, for messages

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def _decoded(self) -> Tensor:
        if not self.ids:
            return torch.zeros((0, 3, 0, 0), dtype=torch.uint8)
        first = _decode(self.encoded[0], "RGB", f"{self.source} ({self.ids[0]})")
        # Pixels stay in the order in which they are decoded; bringing them into the network's order costs nothing
        # extra when they become floats, batch by batch, and half of the decoding when done here.
        pixels = np.empty((len(self), *first.shape), dtype=np.uint8)
        pixels[0] = first
        for index in range(1, len(self)):
            _decode_into(pixels[index], self.encoded[index], f"{self.source} ({self.ids[index]})")
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def images(self) -> UInt8[Tensor, "n 3 H W"]:
        """All images, uint8, RGB, channels last in memory. The tensor is shared: do not write to it.

        Raises InputError when an image is damaged.
        """
        return self._decoded

    def mask(self, index: int) -> Bool[Tensor, "H W"] | None:
        """The whole object's mask in one image, or None when unknown."""
        data = self.encoded_masks[index]
        return None if data is None else torch.from_numpy(_decode(data, "1", f"{self.source} ({self.ids[index]})"))

    def subset(self, which: Bool[Tensor, " n"] | Int[Tensor, " k"] | Sequence[int]) -> "PreparedSplit":
        """The chosen images in the chosen order; images decoded already are not decoded again."""
        chosen = torch.as_tensor(which)
        indices = chosen.nonzero().flatten() if chosen.dtype == torch.bool else chosen.long().reshape(-1)
        picks = indices.tolist()
        part = PreparedSplit(
            ids=tuple(self.ids[i] for i in picks),
            class_names=tuple(self.class_names[i] for i in picks),
            poses=self.poses[indices],
            occlusion=self.occlusion[indices],
            encoded=tuple(self.encoded[i] for i in picks),
            encoded_masks=tuple(self.encoded_masks[i] for i in picks),
            source=self.source,
        )
        if "_decoded" in self.__dict__:
            part.__dict__["_decoded"] = self._decoded[indices]
        return part


def write_split(path: Path, rows: Sequence[PreparedRow]) -> None:
    """Write a Parquet file, rows in the given order.

    Raises ValueError when an id repeats, and InputError when the file cannot be written.
    """
    ids = [row.id for row in rows]
    if len(set(ids)) != len(ids):
        raise ValueError("rows must have unique ids")
    columns = {name: [getattr(row, name) for row in rows] for name in SCHEMA.names}
    buffer = io.BytesIO()
    table = pa.Table.from_pydict(columns, schema=SCHEMA)
    # Images are compressed already.
    codecs = {name: "none" if pa.types.is_binary(SCHEMA.field(name).type) else "zstd" for name in SCHEMA.names}
    codecs["padding.list.element"] = codecs.pop("padding")
    pq.write_table(table, buffer, compression=codecs, use_dictionary=False, row_group_size=GROUP_ROWS)
    write_bytes_atomic(path, buffer.getvalue())


def load_split(path: Path, classes: Collection[str] | None = None) -> PreparedSplit:
    """Read a Parquet table, a file or a folder of them; with ``classes`` only their images, skipping parts without any.

    Raises InputError when a file is missing, damaged, or has other columns.
    """
    path = Path(path)
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not path.exists() or not files:
        cause = "is not a file or holds none" if path.exists() else "is missing"
        raise InputError(path, cause, "Prepare the dataset first, or correct the path")
    table = pa.concat_tables([_read_file(file, classes) for file in files])
    angles = [table[name].to_numpy() for name in ("azimuth", "elevation", "theta")]
    return PreparedSplit(
        ids=tuple(table["id"].to_pylist()),
        class_names=tuple(table["class_name"].to_pylist()),
        poses=torch.from_numpy(np.stack(angles, axis=1).astype(np.float32)),
        occlusion=torch.from_numpy(table["occlusion"].to_numpy().astype(np.float32)),
        encoded=tuple(table["image"].to_pylist()),
        encoded_masks=tuple(table["mask"].to_pylist()),
        source=str(path),
    )


def _read_file(path: Path, classes: Collection[str] | None) -> pa.Table:
    try:
        # pq.read_table would start pyarrow's thread pool, which, with torch loaded, can abort the process at exit.
        with limits.open_file(path, limits.TABLE_BYTES, REMEDY) as stream:
            source = pa.BufferReader(stream.read()) if classes is None else path
        with pq.ParquetFile(source) as file:
            found = file.schema_arrow
            missing = [name for name in SCHEMA.names if name not in found.names]
            if missing:
                raise InputError(path, f"lacks the columns {', '.join(missing)}", REMEDY)
            wrong = [field.name for field in SCHEMA if found.field(field.name).type != field.type]
            if wrong:
                raise InputError(path, f"has columns of another type: {', '.join(wrong)}", REMEDY)
            groups = range(file.num_row_groups)
            if classes is not None:
                groups = [g for g in groups if _may_hold(file.metadata.row_group(g), classes)]
            table = file.read_row_groups(list(groups), use_threads=False)
        table.validate(full=True)
        if any(table[field.name].null_count for field in SCHEMA if not field.nullable):
            raise ValueError("a value is missing")
    except InputError:
        raise
    # What a damaged file's headers promise can fail anywhere inside the reader.
    except Exception as error:
        raise InputError(path, f"is truncated or not a Parquet file ({error})", REMEDY) from error
    if classes is None:
        return table
    wanted = [name in classes for name in table["class_name"].to_pylist()]
    return table if all(wanted) else table.filter(pa.array(wanted, pa.bool_()))


def _may_hold(group: Any, classes: Collection[str]) -> bool:
    """Whether a row group can have an image of these classes, by the bounds that Parquet keeps of each column."""
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    bounds = columns["class_name"].statistics
    return bounds is None or not bounds.has_min_max or any(bounds.min <= name <= bounds.max for name in classes)


def write_info(folder: Path, info: DatasetInfo) -> None:
    """Write ``dataset.json``."""
    write_json_atomic(folder / "dataset.json", asdict(info))


def load_info(folder: Path) -> DatasetInfo:
    """Read ``dataset.json``. Raises InputError when it is missing, damaged or incomplete."""
    path = Path(folder) / "dataset.json"
    content = read_json(path)
    names = [entry.name for entry in fields(DatasetInfo)]
    if not isinstance(content, dict) or sorted(content) != sorted(names):
        raise InputError(path, f"must hold exactly {', '.join(names)}", REMEDY)
    lists = {name: tuple(content[name]) for name in ("classes", "image_size", "test_sets")}
    return DatasetInfo(**(content | lists))


def load_cuboids(folder: Path) -> dict[str, Float[Tensor, "3 2"]]:
    """Read ``cuboids.json``: (low, high) per CAD axis of each class's cuboid, float64.

    Raises InputError when it is missing or damaged.
    """
    path = Path(folder) / "cuboids.json"
    content = read_json(path)
    try:
        bounds = {name: torch.tensor(rows, dtype=torch.float64) for name, rows in content.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(path, f"does not map classes to bounds ({error})", REMEDY) from error
    wrong = [name for name, bound in bounds.items() if bound.shape != (3, 2)]
    if wrong:
        raise InputError(path, f"bounds of {', '.join(wrong)} are not 3 x 2", REMEDY)
    return bounds
