"""OOD-CV: images with one nuisance each (shape, pose, texture, context, weather).

Tree: ``lists/<class>_<nuisance>.txt`` with lines "image objectid", ``images/<class>/<image>.JPEG``,
``annotations/<class>/<image>.mat`` in the Pascal3D+ format. The published set has ten of the twelve classes.
"""

from collections.abc import Sequence
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import RawImage, RawSample, read_list, require_folder
from meshcil.datasets.pascal3d import read_posed, require_distance

NUISANCES = ("shape", "pose", "texture", "context", "weather")
IID = "iid"


def list_nuisance(root: Path, classes: Sequence[str], nuisance: str) -> list[RawSample]:
    """The images with one nuisance; classes the dataset does not have are left out.

    ``nuisance`` is one of ``NUISANCES``, or ``IID``: what ``<class>_all.txt`` lists and no nuisance does. Raises
    InputError when a folder is missing, an object number is not a number, or no class has images.
    """
    for folder in ("images", "annotations", "lists"):
        require_folder(root / folder, f"OOD-CV {folder}")
    samples = []
    for class_name in classes:
        if nuisance == IID:
            taken = {sample.id for name in NUISANCES for sample in _listed(root, class_name, name)}
            samples += [sample for sample in _listed(root, class_name, "all") if sample.id not in taken]
        else:
            samples += _listed(root, class_name, nuisance)
    if not samples:
        known = ", ".join((*NUISANCES, IID))
        raise InputError(root / "lists", f"has no list for nuisance '{nuisance}'", f"Use one of {known}")
    return samples


def _listed(root: Path, class_name: str, name: str) -> list[RawSample]:
    path = root / "lists" / f"{class_name}_{name}.txt"
    return [_sample(root, path, class_name, line) for line in read_list(path)] if path.exists() else []


def _sample(root: Path, path: Path, class_name: str, line: list[str]) -> RawSample:
    name = line[0].removesuffix(".JPEG")
    number = line[1] if len(line) > 1 else "0"
    if not number.isdigit():
        raise InputError(path, f"'{' '.join(line)}' is not 'image objectid'", "Unpack the dataset again")
    image = root / "images" / class_name / f"{name}.JPEG"
    annotation = root / "annotations" / class_name / f"{name}.mat"
    suffix = "" if number == "0" else f"_{int(number):02d}"
    return RawSample(f"{class_name}/{name}{suffix}", class_name, image, annotation, int(number))


class Reader(base.Reader):
    """One nuisance; objects without a positive distance cannot be brought to scale and count as unusable."""

    def samples(self, split: str) -> list[RawSample]:
        """The images with the nuisance that the test set names."""
        return list_nuisance(self.source.root, self.source.classes, str(self.source.options["nuisance"]))

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and read its annotation."""
        raw = read_posed(sample, [self.source.root])
        require_distance(sample, raw)
        return raw

    def known_classes(self) -> list[str]:
        """Classes with a folder of images."""
        return sorted(path.name for path in (self.source.root / "images").glob("*") if path.is_dir())
