"""Inter-class separation of LUCIR: old exemplars stay clear of the new classes (Hou et al. 2019, section 3.4)."""

from jaxtyping import Float, Int
from torch import Tensor


def margin_ranking(
    cosines: Float[Tensor, "B C"], labels: Int[Tensor, " B"], old: int, *, margin: float, hardest: int
) -> Float[Tensor, ""]:
    """``mean of max(0, margin - cos_true + cos_k)`` over the ``hardest`` new classes k, those with the highest cosines.

    The images are of the first ``old`` classes; columns from there on are new. 0 without images.
    """
    if len(labels) == 0:
        return cosines.sum()
    true = cosines.gather(1, labels[:, None])
    nearest = cosines[:, old:].topk(min(hardest, cosines.shape[1] - old), dim=1).values
    return (margin - true + nearest).clamp(min=0).mean()
