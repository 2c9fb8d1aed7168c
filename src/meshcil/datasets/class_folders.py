"""Images without poses: one folder per split, in it one folder per class (torchvision's `ImageFolder` layout).

Tree: ``train/<class>/<name>.<ending>`` and ``val/<class>/<name>.<ending>``. ImageNet comes this way, the validation
images moved to folders by class; of its 1000 folders only those of the configured classes are read.
"""

from collections.abc import Sequence
from pathlib import Path

from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample, read_image, refuse_escape, require_folder


def list_folders(root: Path, classes: Sequence[str], split: str) -> list[RawSample]:
    """The images of a split.

    Args:
        root: folder that holds ``train`` and ``val``.
        classes: names of the class folders, in class order.
        split: "train" or "val".

    Returns:
        Samples in class order, then by file name.

    Raises:
        InputError: when a folder is missing or a class has no images.
    """
    for name in classes:
        require_folder(root / split / name, f"{name} images")
    try:
        found = make_dataset(root / split, {name: i for i, name in enumerate(classes)}, IMG_EXTENSIONS)
    except FileNotFoundError as error:
        remedy = "A class without images cannot be used: leave it out of `classes`"
        raise InputError(root / split, f"holds no images of a class ({error})", remedy) from error
    samples = []
    for file, label in sorted(found, key=lambda entry: (entry[1], entry[0])):
        path, folder = Path(file), root / split / classes[label]
        name = path.relative_to(folder).with_suffix("").as_posix()
        samples.append(RawSample(f"{classes[label]}/{name}", classes[label], path))
    return samples


class Reader(base.Reader):
    """Class folders; the ``val`` folder holds the test images."""

    def samples(self, split: str) -> list[RawSample]:
        """The images of ``train``, or those of ``val`` as test images."""
        return list_folders(self.source.root, self.source.classes, "train" if split == "train" else "val")

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image."""
        refuse_escape(sample.image, [self.source.root])
        return RawImage(read_image(sample.image))

    def files(self) -> list[Path]:
        """The folders of the configured classes alone."""
        return [self.source.root / split / name for split in ("train", "val") for name in self.source.classes]

    def known_classes(self) -> list[str]:
        """Class folders of the training images."""
        return sorted(path.name for path in (self.source.root / "train").glob("*") if path.is_dir())
