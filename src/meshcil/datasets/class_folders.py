"""Images without poses: one folder per split, in it one folder per class (torchvision's `ImageFolder` layout).

Tree: ``train/<class>/<name>.png`` and ``val/<class>/<name>.png``; JPEG files are taken too.
"""

from collections.abc import Sequence
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.datasets.pascal3d import RawSample, require_folder

SUFFIXES = (".png", ".jpg", ".jpeg")


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
    samples = []
    for name in classes:
        folder = root / split / name
        require_folder(folder, f"{name} images")
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if not files:
            raise InputError(folder, "holds no images", "A class without images cannot be used: leave it out")
        samples += [RawSample(f"{name}/{path.stem}", name, path, None) for path in files]
    return samples
