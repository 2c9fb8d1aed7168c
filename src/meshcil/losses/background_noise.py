"""Push features of background cells away from the vertex bank."""

from jaxtyping import Bool, Float
from torch import Tensor


def noise(
    features: Float[Tensor, "K D"], bank: Float[Tensor, "C V D"], valid: Bool[Tensor, "C V"]
) -> Float[Tensor, ""]:
    """Mean cosine between unit features of background cells and vertex features (NeMo, noise loss); 0 when K is 0.

    The mean of all dot products is the dot product of the two means, so no K x (C V) matrix is formed. ``valid`` should
    mark the non-padded vertices of seen classes only: over all partitions of a simplex ETF the mean vanishes whatever
    the features are. Raises ValueError when no bank entry is valid.
    """
    if not bool(valid.any()):
        raise ValueError("valid must mark at least one bank entry")
    if features.shape[0] == 0:
        return features.sum()
    return features.mean(0) @ bank[valid].mean(0).to(features.dtype)
