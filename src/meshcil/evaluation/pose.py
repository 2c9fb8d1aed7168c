"""Metrics of pose errors."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def pose_accuracy(errors: Iterable, threshold: float) -> float:
    """Share of pose errors below a threshold (NeMo: pi/6 and pi/18).

    Args:
        errors: ``[n]`` rotation angles in radians, one per test image, wrongly classified ones
            included; a non-finite error counts as pi.
        threshold: radians.

    Returns:
        Fraction; NaN without an error.
    """
    angles = _finite(errors)
    return float((angles < threshold).mean()) if angles.size else float("nan")


def median_pose_error(errors: Iterable) -> float:
    """Median pose error in radians; a non-finite error counts as pi; NaN without an error."""
    angles = _finite(errors)
    return float(np.median(angles)) if angles.size else float("nan")


def _finite(errors: Iterable) -> NDArray[np.float64]:
    angles = np.asarray(errors, dtype=np.float64)
    return np.where(np.isfinite(angles), angles, np.pi)
