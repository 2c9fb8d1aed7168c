"""Push features of background cells away from the vertex bank."""

from jaxtyping import Bool, Float
from torch import Tensor


def noise(
    features: Float[Tensor, "K D"], bank: Float[Tensor, "C V D"], valid: Bool[Tensor, "C V"]
) -> Float[Tensor, ""]:
    """Mean cosine between background features and vertex features (NeMo, noise loss).

    The mean of all dot products is the dot product of the two means, so no K x (C V) matrix is
    formed. ``valid`` should mark the seen classes only: over all partitions of a simplex ETF the
    mean vanishes whatever the features are.

    Args:
        features: ``[K, D]`` unit features of cells outside the object.
        bank: ``[C, V, D]`` unit vertex features, no gradient.
        valid: ``[C, V]`` True for non-padded vertices of seen classes.

    Returns:
        Scalar in [-1, 1], not weighted; 0 when K is 0.

    Raises:
        ValueError: no bank entry is valid.
    """
    if not bool(valid.any()):
        raise ValueError("valid must mark at least one bank entry")
    if features.shape[0] == 0:
        return features.sum()
    return features.mean(0) @ bank[valid].mean(0).to(features.dtype)
