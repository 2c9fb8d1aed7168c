"""MNIST from the published IDX files, unpacked or as they are published (.gz).

Tree: ``MNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte`` (torchvision's own layout).
"""

import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample
from meshcil.datasets.cifar100 import numbered

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PREFIX = {"train": "train", "test": "t10k"}
_REMEDY = "Put the four published files there again; nothing is downloaded"
_BYTES = 8
"""Code of unsigned bytes in an IDX file."""


@dataclass(frozen=True)
class Split:
    """One split."""

    images: UInt8[np.ndarray, "n 28 28"]  # grey values, 255 where the pen was
    labels: UInt8[np.ndarray, " n"]  # the digits


FOLDER = "MNIST/raw"


def find_file(folder: Path, split: str, kind: str) -> Path:
    """The file, or the packed one where that alone is there."""
    plain = folder / f"{_PREFIX[split]}-{kind}-ubyte"
    packed = plain.with_name(f"{plain.name}.gz")
    return packed if packed.exists() and not plain.exists() else plain


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Bytes of an IDX file (two zeros, kind, number of axes, big-endian extents, values), entries of ``shape``."""
    data = limits.read_file(path, limits.TABLE_BYTES, _REMEDY)
    try:
        if path.suffix == ".gz":
            inner = zlib.decompressobj(wbits=31)
            data = inner.decompress(data, limits.TABLE_BYTES)
            if not inner.eof or inner.unused_data:
                raise ValueError("it is cut off, or there is data after its end")
        zeros, kind, axes = struct.unpack_from(">HBB", data)
        extents = struct.unpack_from(f">{axes}I", data, 4)
        if (zeros, kind) != (0, _BYTES) or extents[1:] != shape:
            raise ValueError(f"its header says kind {kind}, extents {extents}")
        return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(extents)
    except (ValueError, struct.error, zlib.error) as error:
        raise InputError(path, f"is a damaged IDX file ({error})", _REMEDY) from error


@lru_cache(maxsize=2)
def read_split(folder: Path, split: str) -> Split:
    """Images and labels of `train` or `test` from the four files in ``folder``.

    Raises InputError when a file is missing or damaged, or the two have different lengths.
    """
    file = find_file(folder, split, "images-idx3")
    images, labels = _read_idx(file, (28, 28)), _read_idx(find_file(folder, split, "labels-idx1"), ())
    if len(images) != len(labels):
        raise InputError(file, f"holds {len(images)} images, and there are {len(labels)} labels", _REMEDY)
    return Split(images, labels)


class Reader(base.Reader):
    """Images by their position in the file; grey values are repeated in all three channels."""

    folder, names = FOLDER, NAMES
    """Of the files within the root, and of the labels."""

    @property
    def _files(self) -> Path:
        return self.source.root / self.folder

    def samples(self, split: str) -> list[RawSample]:
        """The images of the training or the test file, of the configured classes."""
        labels = read_split(self._files, split).labels.tolist()
        file = find_file(self._files, split, "images-idx3")
        return numbered(file, self.source.classes, list(self.names), labels)

    def read(self, sample: RawSample) -> RawImage:
        """One image, uint8 [28, 28, 3]."""
        data = read_split(self._files, "train" if sample.image.name.startswith("train") else "test")
        return RawImage(np.repeat(data.images[sample.object_index][..., None], 3, axis=2))

    def files(self) -> list[Path]:
        """The four files."""
        return [find_file(self._files, split, kind) for split in _PREFIX for kind in ("images-idx3", "labels-idx1")]

    def known_classes(self) -> list[str]:
        """Classes by name."""
        return list(self.names)
