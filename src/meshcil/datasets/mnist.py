"""MNIST from the published IDX files, by torchvision's class.

Tree: ``MNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte``, unpacked (torchvision's own layout).
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST

from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample
from meshcil.datasets.cifar100 import numbered

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_PREFIX = {"train": "train", "test": "t10k"}
_REMEDY = "Unpack the four MNIST files into MNIST/raw; nothing is downloaded"


class _Raw(MNIST):
    """torchvision's class on the raw files alone, without its older binary cache."""

    @property
    def raw_folder(self) -> str:
        return str(Path(self.root) / "MNIST" / "raw")

    def _check_legacy_exist(self) -> bool:
        return False


@lru_cache(maxsize=2)
def read_split(root: Path, train: bool) -> MNIST:
    """Torchvision's data set over the local files.

    Raises:
        InputError: when a file is missing or damaged.
    """
    prefix = _PREFIX["train" if train else "test"]
    for kind in ("images-idx3", "labels-idx1"):
        path = root / "MNIST" / "raw" / f"{prefix}-{kind}-ubyte"
        if not path.is_file():
            raise InputError(path, "is missing" if not path.exists() else "is not a file", _REMEDY)
    try:
        return _Raw(str(root), train=train, download=False)
    # The IDX parser checks by assertions and reshapes.
    except Exception as error:
        raise InputError(root / "MNIST" / "raw", f"holds a damaged IDX file ({error!r})", _REMEDY) from error


class Reader(base.Reader):
    """Images by their position in the file; grey values are repeated in all three channels."""

    def samples(self, split: str) -> list[RawSample]:
        """The images of the training or the test file, of the configured digits."""
        data = read_split(self.source.root, split == "train")
        file = self.source.root / "MNIST" / "raw" / f"{_PREFIX[split]}-images-idx3-ubyte"
        return numbered(file, self.source.classes, list(NAMES), data.targets.tolist())

    def read(self, sample: RawSample) -> RawImage:
        """One image, uint8 [28, 28, 3]."""
        data = read_split(self.source.root, sample.image.name.startswith("train"))
        return RawImage(np.repeat(data.data[sample.object_index].numpy()[..., None], 3, axis=2))

    def files(self) -> list[Path]:
        """The four files."""
        folder = self.source.root / "MNIST" / "raw"
        return [folder / f"{p}-{kind}-ubyte" for p in _PREFIX.values() for kind in ("images-idx3", "labels-idx1")]

    def known_classes(self) -> list[str]:
        """Digits by name."""
        return list(NAMES)
