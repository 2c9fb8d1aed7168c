"""How alike two representations of the same images are."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def linear_cka(first: Iterable, second: Iterable, *, unbiased: bool = False) -> float:
    """Centred kernel alignment with linear kernels (Kornblith et al. 2019; MEMO, section 4.3).

    ``|Y^T X|^2 / (|X^T X| |Y^T Y|)`` with centred columns; 1 for representations that differ by rotation, scale and
    offset. With fewer images than features it is pushed towards 1; the unbiased estimator (Song et al. 2012, HSIC_1)
    is not, and may be negative.

    Args:
        first: ``[n, p]``, one row per image.
        second: ``[n, q]``, of the same images.
        unbiased: use HSIC_1; needs at least 4 images.

    Raises:
        ValueError: the numbers of images differ or are too small, or a representation is constant.
    """
    x, y = (np.asarray(values, dtype=np.float64) for values in (first, second))
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < (4 if unbiased else 2):
        raise ValueError(f"first and second must be [n, p] and [n, q] with n from 2 (4), got {x.shape} and {y.shape}")
    measure = _hsic_1 if unbiased else _hsic
    own, other = measure(x, x), measure(y, y)
    if own <= 0 or other <= 0:
        raise ValueError("first and second must differ between images")
    return float(measure(x, y) / np.sqrt(own * other))


def _hsic(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    # Kernels instead of covariances: maps have many more entries than there are images.
    x, y = x - x.mean(0), y - y.mean(0)
    return float(((x @ x.T) * (y @ y.T)).sum())


def _hsic_1(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    crossed = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return float(((k * m).sum() + crossed - 2 / (n - 2) * (k.sum(0) @ m.sum(0))) / (n * (n - 3)))
