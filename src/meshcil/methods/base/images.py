"""Images in memory, with labels and poses: what training, selection and prediction iterate over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

# ImageNet statistics, as every backbone here expects (iNeMo, section 1.2 of its data preparation).
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ImagePool:
    """Labelled images."""

    ids: tuple[str, ...]  # sample ids
    images: UInt8[Tensor, "n 3 H W"]  # uint8 [n, 3, H, W], RGB
    labels: Int[Tensor, " n"]  # int64 [n], positions in the run's class order
    poses: Float[Tensor, "n 3"]  # float32 [n, 3], azimuth, elevation, theta in radians

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, indices: Sequence[int] | Int[Tensor, " k"]) -> "ImagePool":
        """The images at ``indices``, in that order."""
        index = torch.as_tensor(indices, dtype=torch.int64)
        ids = tuple(self.ids[i] for i in index.tolist())
        return ImagePool(ids, self.images[index], self.labels[index], self.poses[index])

    def first_of_each(self, count: int) -> "ImagePool":
        """The first ``count`` images of each class, in order."""
        place = torch.zeros(len(self), dtype=torch.int64)
        for label in self.labels.unique():
            own = self.labels == label
            place[own] = torch.arange(int(own.sum()))
        return self.subset((place < count).nonzero()[:, 0])

    def split(self, size: int) -> list["ImagePool"]:
        """Parts of at most ``size`` images, in order."""
        return [self.subset(range(start, min(start + size, len(self)))) for start in range(0, len(self), size)]

    def batches(self, size: int, device: torch.device) -> Iterator[Float[Tensor, "b 3 H W"]]:
        """Normalised images in order, at most ``size`` at a time."""
        for start in range(0, len(self), size):
            yield normalise(as_floats(self.images[start : start + size].to(device)))


@dataclass(frozen=True)
class LatentPool:
    """Labelled features, for a phase that trains on these in place of images."""

    features: Float[Tensor, "n D"]  # float32 [n, D]
    labels: Int[Tensor, " n"]  # int64 [n], positions in the run's class order
    poses: Float[Tensor, "n 3"]  # float32 [n, 3], azimuth, elevation, theta in radians; NaN for features of no image
    replayed: Bool[Tensor, " n"]  # bool [n], features that stand for earlier steps' images

    def __len__(self) -> int:
        return len(self.labels)


def as_floats(images: UInt8[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """Values in [0, 1], channels first in memory, whatever the order of the pixels given."""
    return images.to(torch.float32, memory_format=torch.contiguous_format) / 255


def normalise(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 3 H W"]:
    """Images in [0, 1] with ImageNet mean and standard deviation removed."""
    mean = images.new_tensor(_MEAN)[:, None, None]
    std = images.new_tensor(_STD)[:, None, None]
    return (images - mean) / std
