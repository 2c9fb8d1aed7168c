"""k-means of a class's features: where several proxies of a class begin (PODNet, AFC)."""

import torch
from jaxtyping import Float
from torch import Tensor

_ROUNDS = 20


def cluster_centres(points: Float[Tensor, "n D"], count: int) -> Float[Tensor, "count D"]:
    """Centres of ``count`` clusters by Lloyd's rounds from a farthest-first start; no random draws.

    One cluster is the mean. With fewer points than clusters the points repeat.

    Args:
        points: at least one.
        count: of clusters, at least 1.

    Raises:
        ValueError: there is no point.
    """
    if not len(points):
        raise ValueError("points must hold at least one point")
    if count == 1:
        return points.mean(dim=0, keepdim=True)
    if len(points) <= count:
        return points[torch.arange(count, device=points.device) % len(points)]
    centres = _farthest_first(points, count)
    for _ in range(_ROUNDS):
        nearest = torch.cdist(points, centres).argmin(dim=1)
        members = torch.nn.functional.one_hot(nearest, count).to(points.dtype)
        sizes = members.sum(dim=0)[:, None]
        # A cluster that lost its last point stays where it was.
        centres = torch.where(sizes > 0, members.T @ points / sizes.clamp(min=1), centres)
    return centres


def _farthest_first(points: Float[Tensor, "n D"], count: int) -> Float[Tensor, "count D"]:
    chosen = [(points - points.mean(dim=0)).norm(dim=1).argmin()]
    nearest = (points - points[chosen[0]]).norm(dim=1)
    for _ in range(count - 1):
        chosen.append(nearest.argmax())
        nearest = torch.minimum(nearest, (points - points[chosen[-1]]).norm(dim=1))
    return points[torch.stack(chosen)]
