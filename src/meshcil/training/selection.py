"""What the exemplar strategies look at, computed only when the strategy asks for it."""

import numpy as np
import torch

from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method

_BATCH = 64


def selection_inputs(method: Method, pool: ImagePool, strategy: str) -> dict[str, np.ndarray]:
    """Arguments of `meshcil.memory.selection.select` for ``strategy``, one row per image of ``pool``.

    Images are seen as at test time, without augmentation.

    Returns:
        `features` [n, D] for herding and diversity, `losses` [n] for difficulty (largest wrong score minus the true
        one), otherwise `azimuth` [n] in radians.
    """
    if strategy in ("herding", "diversity"):
        features = [method.features(images).cpu() for images in pool.batches(_BATCH, method.device)]
        return {"features": torch.cat(features).double().numpy()}
    if strategy == "difficulty":
        scores = torch.cat([method.scores(images).cpu() for images in pool.batches(_BATCH, method.device)])
        true = scores.gather(1, pool.labels[:, None])[:, 0]
        wrong = scores.scatter(1, pool.labels[:, None], -torch.inf).amax(dim=1)
        return {"losses": (wrong - true).double().numpy()}
    return {"azimuth": pool.poses[:, 0].double().numpy()}
