"""Occluded Pascal3D+: copies of the test images with things pasted over the objects.

Tree: ``images/<class>FGL<l>_BGL<l>/<name>.JPEG``, ``annotations/<class>FGL<l>_BGL<l>/<name>.npz``,
``lists/<class>FGL<l>_BGL<l>.txt`` with one ``<name>.JPEG`` per line. Poses come from the Pascal3D+ file
of the same name.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets import base
from meshcil.datasets.base import OcclusionMasks, RawImage, RawSample, read_list, refuse_escape, require_folder
from meshcil.datasets.images import REMEDY
from meshcil.datasets.pascal3d import read_posed, require_class, require_distance


def read_masks(path: Path) -> OcclusionMasks:
    """Read the masks of one occluded image. Raises InputError when the file is missing, damaged or lacks a mask."""
    data = limits.read_file(path, limits.IMAGE_BYTES, REMEDY)
    try:
        with ZipFile(io.BytesIO(data)) as content:
            found = [_read_mask(content.getinfo(f"{name}.npy"), content) for name in ("mask", "occluder_mask")]
    # A damaged file can fail anywhere inside of the readers of zip, deflate and NumPy's headers.
    except Exception as error:
        raise InputError(path, f"cannot be read as an occlusion annotation ({error})", REMEDY) from error
    mask, occluder = (values.reshape(values.shape[:2]) if values.size else values for values in found)
    if mask.ndim != 2 or mask.shape != occluder.shape:
        raise InputError(path, f"masks have shapes {mask.shape} and {occluder.shape}", REMEDY)
    # The published object masks are JPEG grey values, where up to 10 is compression noise.
    return OcclusionMasks(mask > (10 if mask.max(initial=0) > 1 else 0), occluder > 0.5)


def _read_mask(member: ZipInfo, content: ZipFile) -> np.ndarray:
    if member.file_size > limits.IMAGE_BYTES:
        raise ValueError(f"{member.filename} unpacks to {member.file_size:,} bytes")
    values = np.lib.format.read_array(io.BytesIO(content.read(member)), allow_pickle=False)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{member.filename} holds no numbers")
    return values


def list_occluded(root: Path, poses: Path, classes: Sequence[str], level: int) -> list[RawSample]:
    """The occluded copies at level 1, 2 or 3 (20-40, 40-60, 60-80 % of the object hidden), in class order.

    ``poses`` is the root of the Pascal3D+ release, whose annotations give the poses. Raises InputError when a folder or
    list is missing, or a class has no images.
    """
    for folder in ("images", "annotations", "lists"):
        require_folder(root / folder, f"Occluded Pascal3D+ {folder}")
    samples = []
    for class_name in classes:
        group = f"{class_name}FGL{level}_BGL{level}"
        for entry, *_ in read_list(root / "lists" / f"{group}.txt"):
            name = entry.removesuffix(".JPEG")
            samples.append(
                RawSample(
                    id=f"{class_name}/{name}",
                    class_name=class_name,
                    image=root / "images" / group / f"{name}.JPEG",
                    annotation=poses / "Annotations" / f"{class_name}_imagenet" / f"{name}.mat",
                    occlusion=root / "annotations" / group / f"{name}.npz",
                )
            )
    return samples


class Reader(base.Reader):
    """One level of the occluded test images."""

    def samples(self, split: str) -> list[RawSample]:
        """The copies at the level that the test set names."""
        source = self.source
        return list_occluded(source.root, source.main, source.classes, int(source.options["level"]))

    def read(self, sample: RawSample) -> RawImage:
        """Decode one image and its masks; the pose is that of the original."""
        raw = read_posed(sample, [self.source.root, self.source.main])
        if self.source.options.get("strict_objects"):
            require_class(sample, raw)
            require_distance(sample, raw)
        refuse_escape(sample.occlusion, [self.source.root])
        masks = read_masks(sample.occlusion)
        if masks.object.shape != raw.pixels.shape[:2]:
            raise InputError(sample.occlusion, f"masks do not have the size of {sample.image.name}", "Restore both")
        return replace(raw, masks=masks)

    def files(self) -> list[Path]:
        """The copies, and the release with the poses."""
        return [self.source.root, self.source.main / "Annotations"]
