"""Random image changes, vectorised over a batch; each changes the annotated pose along with the image."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional
from torchvision.transforms.functional import resized_crop

from meshcil.config.methods.base import AugmentationSettings

_OCCLUDERS = 3
"""At most this many in an image."""


def augment(
    images: Float[Tensor, "B 3 H W"],
    poses: Float[Tensor, "B 3"],
    settings: AugmentationSettings,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 3"]]:
    """Mirror, rotate in the image plane, change colours, shift, enlarge a part, and change the brightness.

    Images have values in [0, 1], poses azimuth, elevation, theta in radians. The principal point is the image centre,
    so a rotation of the image about it is exactly a change of theta, and a mirror image shows the mirrored object at
    azimuth and theta of opposite sign.
    """
    count = len(images)
    if settings.flip:
        mirrored = torch.rand(count, generator=generator) < 0.5
        images = torch.where(mirrored[:, None, None, None].to(images.device), images.flip(3), images)
        sign = torch.where(mirrored, -1.0, 1.0).to(poses)
        poses = torch.stack([poses[:, 0] * sign, poses[:, 1], poses[:, 2] * sign], dim=1)
    if settings.rotate > 0:
        angle = (torch.rand(count, generator=generator) * 2 - 1) * math.radians(settings.rotate)
        images = rotate(images, angle.to(images.device))
        poses = poses + torch.stack([0 * angle, 0 * angle, angle], dim=1).to(poses)
    if settings.colour > 0:
        images = jitter(images, settings.colour, generator)
    if settings.crop:
        images = shift(images, settings.crop, generator)
    if settings.resized_crop > 0:
        images = torch.stack([enlarged_part(image, settings.resized_crop, generator) for image in images])
    if settings.brightness > 0:
        factors = 1 + (torch.rand(count, generator=generator) * 2 - 1) * settings.brightness
        images = (images * factors[:, None, None, None].to(images)).clamp(0, 1)
    return images, poses


def rotate(images: Float[Tensor, "B 3 H W"], angle: Float[Tensor, " B"]) -> Float[Tensor, "B 3 H W"]:
    """Turn images counter-clockwise (as seen) by ``angle`` radians about their centre; borders are repeated.

    A turn by a adds a to theta: the Pascal3D+ toolbox rotates projected points by +theta before flipping y.
    """
    height, width = images.shape[-2:]
    cos, sin = angle.cos(), angle.sin()
    aspect = height / width
    zero = torch.zeros_like(cos)
    # grid_sample asks where each output pixel comes from, in coordinates scaled by half the image size, y down.
    matrix = torch.stack([torch.stack([cos, -sin * aspect, zero], 1), torch.stack([sin / aspect, cos, zero], 1)], dim=1)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def shift(images: Float[Tensor, "B 3 H W"], pixels: int, generator: torch.Generator) -> Float[Tensor, "B 3 H W"]:
    """Move each image by up to ``pixels`` in either direction; what comes in is black."""
    height, width = images.shape[-2:]
    padded = functional.pad(images, [pixels] * 4)
    corners = torch.randint(2 * pixels + 1, (len(images), 2), generator=generator).tolist()
    moved = [image[:, y : y + height, x : x + width] for image, (y, x) in zip(padded, corners, strict=True)]
    return torch.stack(moved)


def enlarged_part(image: Float[Tensor, "3 H W"], smallest: float, generator: torch.Generator) -> Float[Tensor, "3 H W"]:
    """A random part of an image, enlarged to the image's size (torchvision's RandomResizedCrop).

    Its area is uniform from ``smallest`` to 1 of the image's, the logarithm of width over height uniform from 3:4 to
    4:3. A part that does not fit is drawn again, up to ten times; then the image stays whole.
    """
    height, width = image.shape[-2:]
    draws = torch.rand(10, 4, generator=generator, dtype=torch.float64)
    area = height * width * (smallest + (1 - smallest) * draws[:, 0])
    ratio = torch.exp((2 * draws[:, 1] - 1) * math.log(4 / 3))
    high, wide = (area / ratio).sqrt().round().int(), (area * ratio).sqrt().round().int()
    fitting = ((high >= 1) & (high <= height) & (wide >= 1) & (wide <= width)).nonzero()[:, 0]
    if not len(fitting):
        return image
    first = int(fitting[0])
    h, w = int(high[first]), int(wide[first])
    top, left = (int(draws[first, 2 + i] * (room + 1)) for i, room in enumerate((height - h, width - w)))
    return resized_crop(image, top, left, h, w, [height, width], antialias=True)


def jitter(images: Float[Tensor, "B 3 H W"], strength: float, generator: torch.Generator) -> Float[Tensor, "B 3 H W"]:
    """Random channel gains, brightness and contrast; values stay in [0, 1]."""
    count = len(images)
    draws = (torch.rand(count, 5, generator=generator).to(images) * 2 - 1) * strength
    gains = 1 + 0.5 * draws[:, :3, None, None]
    brightness = 0.5 * draws[:, 3, None, None, None]
    contrast = 1 + draws[:, 4, None, None, None]
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - middle) * contrast * gains + middle + brightness).clamp(0, 1)


def occlude(
    images: Float[Tensor, "B 3 H W"], share: float, generator: torch.Generator
) -> tuple[Float[Tensor, "B 3 H W"], Bool[Tensor, "B H W"]]:
    """Lay one to three ellipses of smooth random colours over a ``share`` of the images; also which pixels they hide.

    Centres are uniform over the image, half axes 10 to 35 % of its sides (after random erasing, Zhong et al. 2020).
    """
    count, _, height, width = images.shape
    chosen = torch.rand(count, generator=generator) < share
    number = torch.randint(1, _OCCLUDERS + 1, (count,), generator=generator)
    present = chosen[:, None] & (torch.arange(_OCCLUDERS) < number[:, None])
    centre = torch.rand(count, _OCCLUDERS, 2, generator=generator)
    axis = 0.1 + 0.25 * torch.rand(count, _OCCLUDERS, 2, generator=generator)
    rows = ((torch.arange(height) + 0.5) / height - centre[..., :1]) / axis[..., :1]
    columns = ((torch.arange(width) + 0.5) / width - centre[..., 1:]) / axis[..., 1:]
    inside = rows.square()[..., :, None] + columns.square()[..., None, :] <= 1
    hidden = (inside & present[..., None, None]).any(dim=1).to(images.device)
    cells = int(torch.randint(1, 7, (), generator=generator))
    colours = torch.rand(count, 3, cells, cells, generator=generator).to(images)
    cover = functional.interpolate(colours, size=(height, width), mode="bilinear", align_corners=False)
    return torch.where(hidden[:, None], cover, images), hidden
