"""Object poses: rotation matrices, camera centres, and the geodesic error between two poses."""

import math
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor

from meshcil.core.arguments import checked


@checked
def pose_matrix(pose: Float[Tensor, "... 3"]) -> Float[Tensor, "... 3 3"]:
    """Rotation from CAD axes (z-up) to camera axes (x right, y up, z towards the viewer), acting on column vectors.

    M = Rz(theta) Rx(elevation - pi/2) Rz(-azimuth), written out, so that it is smooth everywhere, the poles included
    (Pascal3D+ toolbox; NeMo).
    """
    (sin_a, sin_e, sin_t), (cos_a, cos_e, cos_t) = pose.sin().unbind(-1), pose.cos().unbind(-1)
    right = torch.stack((cos_a, sin_a, torch.zeros_like(cos_a)), -1)
    up = torch.stack((-sin_e * sin_a, sin_e * cos_a, cos_e), -1)
    back = torch.stack((cos_e * sin_a, -cos_e * cos_a, sin_e), -1)
    cos_t, sin_t = cos_t[..., None], sin_t[..., None]
    return torch.stack((cos_t * right - sin_t * up, sin_t * right + cos_t * up, back), -2)


@checked
def camera_center(pose: Float[Tensor, "... 3"], distance: Real | Float[Tensor, "..."] = 5.0) -> Float[Tensor, "... 3"]:
    """Position of the camera that looks at the origin from ``distance`` CAD units, in world coordinates (y-up).

    C = d (cos el sin az, sin el, cos el cos az) (iNeMo).
    """
    azimuth, elevation, _ = pose.unbind(-1)
    horizontal = elevation.cos()
    # 90 degrees in single precision is more than 90: the camera would look back over the pole, turned by 180.
    beyond = (horizontal < 0) & (horizontal > -torch.finfo(pose.dtype).eps)
    horizontal = torch.where(beyond, horizontal - 2 * horizontal.detach(), horizontal)
    direction = torch.stack((horizontal * azimuth.sin(), elevation.sin(), horizontal * azimuth.cos()), -1)
    length = distance[..., None] if isinstance(distance, Tensor) else float(distance)
    return direction * length


@checked
def pose_from_center(
    center: Float[Tensor, "... 3"], theta: Float[Tensor, "..."]
) -> tuple[Float[Tensor, "... 3"], Float[Tensor, "..."]]:
    """Pose and distance of a camera at a world position (y-up): the inverse of ``camera_center``. Differentiable.

    (azimuth in [0, 2 pi), elevation in [-pi/2, pi/2], theta). On the vertical axis, where the azimuth is not defined,
    it is 0 and has no gradient.
    """
    x, y, z = center.unbind(-1)
    squared = x * x + z * z
    pole = squared <= torch.finfo(center.dtype).tiny
    one = torch.ones_like(squared)
    horizontal = torch.where(pole, 0.0, torch.where(pole, one, squared).sqrt())
    azimuth = torch.atan2(torch.where(pole, 0.0, x), torch.where(pole, one, z)).remainder(2 * math.pi)
    elevation = torch.atan2(y, horizontal)
    return torch.stack((azimuth, elevation, theta), -1), center.norm(dim=-1)


@checked
def pose_error(pose_a: Float[Tensor, "... 3"], pose_b: Float[Tensor, "... 3"]) -> Float[Tensor, "..."]:
    """Angle of the rotation between two poses, radians in [0, pi]; pi (a failure) where a pose is not finite.

    ||log(Ra^T Rb)||_F / sqrt(2), computed as atan2(sin, cos) of the relative rotation: accurate at 0 and at pi.
    """
    relative = pose_matrix(pose_a).mT @ pose_matrix(pose_b)
    skew = relative - relative.mT
    sine = torch.stack((skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]), -1).norm(dim=-1) / 2
    cosine = (relative.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    angle = torch.atan2(sine, cosine)
    return torch.where(angle.isfinite(), angle, math.pi)


@checked
def transposed_pose_error(pose_a: Float[Tensor, "... 3"], pose_b: Float[Tensor, "... 3"]) -> Float[Tensor, "..."]:
    """The angle that iNeMo's released code takes for the pose error (docs/known-defects.md, D13).

    Its matrix is Rz(theta) Rx(pi/2 - elevation) Rz(azimuth), two of the three rotations transposed, which gives the
    angle between the poses with theta negated.
    """
    turned = pose_a.new_tensor((1.0, 1.0, -1.0))
    return pose_error(pose_a * turned, pose_b * turned)
