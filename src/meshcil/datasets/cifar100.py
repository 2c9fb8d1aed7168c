"""CIFAR-100 from the published Python files, by torchvision's class.

Tree: ``cifar-100-python/{train,test,meta}``. These are pickles: each is first read with a loader that knows numpy
arrays only, so that a tampered file cannot run code; the digests are compared by `meshcil data check`.
"""

import io
import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets import CIFAR100

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample

FOLDER = CIFAR100.base_folder
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
_REMEDY = "Unpack cifar-100-python.tar.gz again; nothing is downloaded"


class _ArraysOnly(pickle.Unpickler):
    """Refuses every global but those that rebuild an array."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no CIFAR file does")
        return super().find_class(module, name)


class _Local(CIFAR100):
    """torchvision's class on files of any digest: `read_split` has vetted them."""

    def _check_integrity(self) -> bool:
        return True

    def _load_meta(self) -> None:
        with (Path(self.root) / FOLDER / "meta").open("rb") as stream:
            self.classes = _ArraysOnly(stream, encoding="latin1").load()["fine_label_names"]


@lru_cache(maxsize=2)
def read_split(root: Path, train: bool) -> CIFAR100:
    """Torchvision's dataset over the local files.

    Raises InputError when a file is missing, damaged, or no plain table of arrays.
    """
    for name in ("train" if train else "test", "meta"):
        path = root / FOLDER / name
        content = limits.read_file(path, limits.TABLE_BYTES, _REMEDY)
        try:
            _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        # A damaged pickle can fail anywhere inside the loader.
        except Exception as error:
            raise InputError(path, f"cannot be read as a CIFAR-100 file ({error})", _REMEDY) from error
    try:
        return _Local(str(root), train=train, download=False)
    except Exception as error:  # of whatever the tables lack
        raise InputError(root / FOLDER, f"is not a CIFAR-100 release ({error})", _REMEDY) from error


class Reader(base.Reader):
    """Images by their position in the file."""

    def samples(self, split: str) -> list[RawSample]:
        """The images of `train` or `test` of the configured classes."""
        data = read_split(self.source.root, split == "train")
        return numbered(self.source.root / FOLDER / split, self.source.classes, data.classes, data.targets)

    def read(self, sample: RawSample) -> RawImage:
        """One image, uint8 [32, 32, 3]."""
        data = read_split(self.source.root, sample.image.name == "train")
        return RawImage(np.asarray(data.data[sample.object_index]))

    def files(self) -> list[Path]:
        """The three files."""
        return [self.source.root / FOLDER / name for name in ("train", "test", "meta")]

    def known_classes(self) -> list[str]:
        """Class names of the file `meta`."""
        return list(read_split(self.source.root, False).classes)


def numbered(file: Path, classes: tuple[str, ...], names: list[str], labels: list[int]) -> list[RawSample]:
    """Samples of a file that holds many images with a label each, of the wanted classes, in class order.

    ``names`` has the category of each label. Raises InputError when a wanted class is unknown or has no image.
    """
    members: dict[str, list[int]] = {}
    for index, label in enumerate(labels):
        if not isinstance(label, int) or not 0 <= label < len(names):
            raise InputError(
                file, f"image {index} has the label {label!r}, which is out of range", "Get the file again"
            )
        members.setdefault(names[label], []).append(index)
    absent = [name for name in classes if name not in members]
    if absent:
        known = ", ".join(sorted(members))
        raise InputError(file, f"has no image of {', '.join(absent)}", f"Correct `classes`; it has {known}")
    return [RawSample(f"{name}/{i:05d}", name, file, object_index=i) for name in classes for i in members[name]]
