"""ObjectNet3D: 100 categories, annotated as Pascal3D+ is, with a viewport of 2000.

Tree: ``Images/<name>.JPEG``, ``Annotations/<name>.mat``, ``CAD/off/<class>/NN.off``,
``lists/<class>_imagenet_{train,val}.txt`` (the lists of the public NeMo code).
"""

from collections.abc import Sequence
from pathlib import Path

from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample, read_list, require_folder
from meshcil.datasets.pascal3d import read_posed, require_class, require_distance

VIEWPORT = 2000.0


def list_objects(root: Path, classes: Sequence[str], split: str) -> list[RawSample]:
    """The images of the per-class lists of a split ("train" or "val"), in class order.

    Raises InputError when a folder or list is missing, or a class has no images.
    """
    for folder in ("Images", "Annotations", "lists"):
        require_folder(root / folder, f"ObjectNet3D {folder}")
    samples = []
    for class_name in classes:
        for entry, *_ in read_list(root / "lists" / f"{class_name}_imagenet_{split}.txt"):
            name = entry.removesuffix(".JPEG")
            image, annotation = root / "Images" / f"{name}.JPEG", root / "Annotations" / f"{name}.mat"
            samples.append(RawSample(f"{class_name}/{name}", class_name, image, annotation))
    return samples


class Reader(base.Reader):
    """Object 0 of each file, and only if it is of the list's class (NeMo's preparation)."""

    def samples(self, split: str) -> list[RawSample]:
        """The `train` lists, or the `val` lists as test images."""
        return list_objects(self.source.root, self.source.classes, "train" if split == "train" else "val")

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and read its annotation.

        Raises InputError when a file is damaged, the object is of another class, or its distance is unknown.
        """
        raw = read_posed(sample, [self.source.root], VIEWPORT)
        require_class(sample, raw)
        require_distance(sample, raw)
        return raw

    def models(self, class_name: str) -> Path:
        """The release keeps its OFF files one folder deeper than Pascal3D+."""
        return self.source.root / "CAD" / "off" / class_name

    def known_classes(self) -> list[str]:
        """Classes with a folder of CAD models."""
        return sorted(path.name for path in (self.source.root / "CAD" / "off").glob("*") if path.is_dir())
