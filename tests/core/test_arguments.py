"""Shape annotations as refusals that name the argument."""

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from meshcil.core.arguments import checked, reject, require_finite


@checked
def blend(
    image: Float[Tensor, "B H W"],
    mask: Bool[Tensor, "H W"] | None = None,
    *,
    weight: float | Float[Tensor, "... B"] = 1.0,
    corner: Float[Tensor, " 2"] | None = None,
) -> int:
    return len(image)


def test_what_fits_passes() -> None:
    image = torch.zeros(4, 5, 6)
    assert blend(image) == 4
    assert blend(image, torch.ones(5, 6, dtype=torch.bool), weight=torch.ones(7, 4), corner=torch.ones(2)) == 4
    assert blend(image=image, mask=None, weight=0.5) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"image": torch.zeros(4, 5)}, r"image must have shape \[B, H, W\], but it has \[4, 5\]"),
        ({"image": torch.zeros(4, 5, 6, 7)}, "image must have shape"),
        ({"image": torch.zeros(4, 5, 6, dtype=torch.int64)}, "image must have a dtype among"),
        ({"image": [1.0]}, "image must be a tensor"),
        ({"mask": torch.ones(5, 7, dtype=torch.bool)}, r"mask must have shape \[H, W\] with W = 6 as in image"),
        ({"weight": torch.ones(3)}, "weight must have shape .* with B = 4 as in image"),
        ({"weight": torch.ones(4, dtype=torch.float64)}, "weight must have dtype torch.float32 like image"),
        ({"corner": torch.ones(3)}, r"corner must have shape \[2\], but it has \[3\]"),
        ({"weight": torch.ones(4, device="meta")}, "weight must be on device cpu like image"),
    ],
)
def test_what_does_not_fit_is_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        blend(**({"image": torch.zeros(4, 5, 6)} | arguments))


def test_other_refusals() -> None:
    with pytest.raises(ValueError, match="steps must be positive"):
        reject("steps", "be positive")
    require_finite(a=torch.ones(2), b=torch.zeros(0))
    with pytest.raises(ValueError, match="b must be finite"):
        require_finite(a=torch.ones(2), b=torch.tensor([1.0, torch.nan]))
