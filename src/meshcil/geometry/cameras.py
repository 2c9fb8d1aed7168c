"""The pinhole camera of a feature map: cell rays and projection."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.core.arguments import checked, reject, whole_numbers
from meshcil.geometry.poses import pose_matrix


@dataclass(frozen=True)
class Camera:
    """Intrinsics of a feature map, in cells.

    Raises ValueError for a focal length that is not a positive and finite number, a centre that is not two finite
    numbers, a size that is not two whole numbers, or an empty map.
    """

    focal: Real  # focal length in cells, above 0. For iNeMo, floor(viewport / stride): 375 on Pascal3D+
    center: tuple[Real, Real]  # principal point (cx, cy), columns then rows
    image_size: tuple[int, int]  # (H, W) of the map

    def __post_init__(self) -> None:
        if not (isinstance(self.focal, Real) and math.isfinite(self.focal) and self.focal > 0):
            reject("focal", f"be positive and finite, but it is {self.focal}")
        center = tuple(self.center) if isinstance(self.center, Sequence) else ()
        if len(center) != 2 or not all(isinstance(c, Real) and math.isfinite(c) for c in center):
            reject("center", f"be two finite numbers (cx, cy), but it is {self.center}")
        object.__setattr__(self, "center", tuple(float(c) for c in center))
        object.__setattr__(self, "image_size", whole_numbers("image_size", self.image_size, 2))
        if min(self.image_size) < 1:
            reject("image_size", f"be (H, W), both at least 1, but it is {self.image_size}")

    def window(self, rows: slice, columns: slice) -> "Camera":
        """The camera of a rectangle of the map: its cell (0, 0) is the rectangle's first."""
        height, width = self.image_size
        (top, bottom, _), (left, right, _) = rows.indices(height), columns.indices(width)
        cx, cy = self.center
        return Camera(self.focal, (cx - left, cy - top), (bottom - top, right - left))


def camera_axes_rays(camera: Camera, like: Tensor) -> Float[Tensor, "3 HW"]:
    """Ray through each cell centre, in camera axes (x right, y up, z towards the viewer), in the dtype of ``like``.

    Directions have depth 1, so that a ray's parameter is the depth; cells in row-major order. Shared between calls: do
    not write to it.
    """
    return _rays(camera, like.dtype, like.device)


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def _rays(camera: Camera, dtype: torch.dtype, device: torch.device) -> Tensor:
    (cx, cy), (height, width) = camera.center, camera.image_size
    columns = (torch.arange(width, dtype=torch.float64) + 0.5 - cx) / camera.focal
    rows = (cy - torch.arange(height, dtype=torch.float64) - 0.5) / camera.focal
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack((x, y, -torch.ones_like(x))).flatten(1).to(device=device, dtype=dtype)


@checked
def project(
    points: Float[Tensor, "... P 3"],
    pose: Float[Tensor, "... 3"],
    camera: Camera,
    distance: Real | Float[Tensor, "..."] = 5.0,
) -> Float[Tensor, "... P 2"]:
    """Project CAD points, ``[P, 3]`` or with batch dimensions that broadcast with the pose's, onto the map.

    (u, v) in cells, u to the right, v down, not limited to the map; NaN for points at or behind the camera, which looks
    at the origin from ``distance`` (Pascal3D+ toolbox; iNeMo).
    """
    x, y, z = (points @ pose_matrix(pose).mT).unbind(-1)
    depth = (distance[..., None] if isinstance(distance, Tensor) else distance) - z
    depth = torch.where(depth > 0, depth, math.nan)
    cx, cy = camera.center
    return torch.stack((cx + camera.focal * x / depth, cy - camera.focal * y / depth), -1)
