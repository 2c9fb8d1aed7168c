"""FeTrIL's pseudo-features: new classes' features moved to where an old class's mean was (Petit et al. 2023)."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional


def nearest_new_class(old: Float[Tensor, "O D"], new: Float[Tensor, "N D"]) -> Int[Tensor, " O"]:
    """For each old class mean the position of the new class mean with the largest cosine."""
    return (functional.normalize(old, dim=1) @ functional.normalize(new, dim=1).T).argmax(dim=1)


def translate(
    features: Float[Tensor, "B D"], source: Float[Tensor, " D"], target: Float[Tensor, " D"]
) -> Float[Tensor, "B D"]:
    """Features of a class with mean ``source``, moved to the mean ``target``: ``f - source + target``."""
    return features - source + target
