"""Images without poses: one folder per split, in it one folder per class (torchvision's `ImageFolder` layout).

Tree: ``train/<class>/<name>.<ending>`` and ``val/<class>/<name>.<ending>``. ImageNet comes this way, the validation
images moved to folders by class; of its 1000 folders only those of the configured classes are read.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample, refuse_escape, require_folder, unique_stems
from meshcil.datasets.images import ENDINGS, read_image


def walk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Everything in a class folder, by name, and whether it is taken for an image.

    Hidden files and folders are not, nor folders behind a link: a link that leads back would never end.
    """
    for place, folders, files in os.walk(folder):
        closed = [name for name in folders if name.startswith(".") or Path(place, name).is_symlink()]
        folders[:] = sorted(set(folders) - set(closed))
        yield from ((Path(place, name), False) for name in sorted(closed))
        for name in sorted(files):
            yield Path(place, name), not name.startswith(".") and name.lower().endswith(ENDINGS)


def list_folders(root: Path, classes: Sequence[str], split: str) -> list[RawSample]:
    """The images of a split ("train" or "val") in class order, then by file name.

    Raises InputError when a folder is missing or a class has no images.
    """
    for name in classes:
        require_folder(root / split / name, f"{name} images")
    samples = []
    for name in classes:
        folder = root / split / name
        files = sorted((path for path, image in walk(folder) if image), key=str)
        if not files:
            remedy = "A class without images cannot be used: leave it out of `classes`"
            raise InputError(folder, "holds no images of a class", remedy)
        stems = unique_stems([path.relative_to(folder) for path in files])
        samples += [RawSample(f"{name}/{stem}", name, path) for path, stem in zip(files, stems, strict=True)]
    return samples


class Reader(base.Reader):
    """Class folders; the ``val`` folder holds the test images."""

    def samples(self, split: str) -> list[RawSample]:
        """The images of ``train``, or those of ``val`` as test images."""
        return list_folders(self.source.root, self.source.classes, _folder(split))

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image, upright."""
        refuse_escape(sample.image, [self.source.root])
        return RawImage(read_image(sample.image, upright=True))

    def files(self) -> list[Path]:
        """The folders of the configured classes alone."""
        return [self.source.root / split / name for split in ("train", "val") for name in self.source.classes]

    def left_out(self, split: str) -> list[Path]:
        """Files without the ending of an image, hidden ones, and folders behind links."""
        folders = [self.source.root / _folder(split) / name for name in self.source.classes]
        return [path for folder in folders for path, image in walk(folder) if not image]

    def known_classes(self) -> list[str]:
        """Class folders of the training images."""
        return sorted(path.name for path in (self.source.root / "train").glob("*") if path.is_dir())


def _folder(split: str) -> str:
    return "train" if split == "train" else "val"
