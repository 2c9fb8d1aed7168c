"""scikit-learn's handwritten digits (UCI, NIST preprocessing): 1 797 real images of 8 x 8, no download.

They stand in for MNIST where that is absent, and for a real dataset where seconds count.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image
from sklearn.datasets import load_digits

from meshcil.core.errors import InputError

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SMALLEST_CLASS = 174
"""Images of the digit that has the fewest (eight)."""
_LEVELS = 16


@dataclass(frozen=True)
class Digits:
    """One split."""

    images: UInt8[np.ndarray, "n 8 8"]  # uint8 [n, 8, 8], 255 where the pen was
    labels: Int[np.ndarray, " n"]  # int64 [n], the digit


@dataclass(frozen=True)
class GeneratorSettings:
    """Which images to write."""

    classes: tuple[str, ...] = CLASSES  # digits by name, a subset of the ten
    train_per_class: int = 120  # training images of each digit
    test_per_class: int = 50  # test images of each digit
    seed: int = 0  # of the split

    def __post_init__(self) -> None:
        unknown = [name for name in self.classes if name not in CLASSES]
        if unknown or not self.classes:
            raise ValueError(f"classes must be a non-empty subset of {CLASSES}, got {self.classes}")
        if self.train_per_class + self.test_per_class > SMALLEST_CLASS:
            raise ValueError(f"train_per_class and test_per_class must be {SMALLEST_CLASS} together at most")


def read_digits(settings: GeneratorSettings) -> tuple[Digits, Digits]:
    """Training and test split, disjoint; equally many images of each digit, by digit and then in drawn order."""
    source = load_digits()
    images = np.rint(source.images * (255 / _LEVELS)).astype(np.uint8)
    labels = source.target.astype(np.int64)
    train, test = [], []
    for name in settings.classes:
        digit = CLASSES.index(name)
        generator = np.random.default_rng([settings.seed, digit])
        drawn = generator.permutation(np.flatnonzero(labels == digit))
        stop = settings.train_per_class + settings.test_per_class
        train.append(drawn[: settings.train_per_class])
        test.append(drawn[settings.train_per_class : stop])
    first, second = np.concatenate(train), np.concatenate(test)
    return Digits(images[first], labels[first]), Digits(images[second], labels[second])


def generate(out: Path, settings: GeneratorSettings, workers: int, progress: Callable[[int, int], None]) -> None:
    """Write both splits as PNG files in class folders. Raises InputError when the folder cannot be written."""
    splits = dict(zip(("train", "val"), read_digits(settings), strict=True))
    total, done = sum(len(split.labels) for split in splits.values()), 0
    for name, split in splits.items():
        for index, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            path = out / name / CLASSES[label] / f"{index:04d}.png"
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path, "PNG")
            except OSError as error:
                raise InputError(path, f"cannot be written ({error})", "Free some disk space") from error
            done += 1
            progress(done, total)
