"""Accuracy against memory, as one number."""

from collections.abc import Iterable

import numpy as np


def area_under_memory_curve(megabytes: Iterable, accuracy_fraction: Iterable) -> float:
    """Area under the performance-memory curve by the trapezoidal rule (MEMO, AUC).

    Not normalised, so it is comparable only over the same range of memory; divided by
    ``megabytes[-1] - megabytes[0]`` it is a mean accuracy. AUC-A takes average incremental
    accuracies, AUC-L last accuracies.

    Args:
        megabytes: ``[K]`` memory in MB of 2^20 bytes, strictly increasing, K at least 2.
        accuracy_fraction: ``[K]`` accuracy in [0, 1].

    Raises:
        ValueError: lengths differ, fewer than two points, memory not increasing, or percentages.
    """
    memory, accuracy = (np.asarray(values, dtype=np.float64) for values in (megabytes, accuracy_fraction))
    if memory.ndim != 1 or memory.shape != accuracy.shape or len(memory) < 2:
        raise ValueError(
            f"megabytes and accuracy_fraction must be two sequences of the same length from 2, got shapes "
            f"{memory.shape} and {accuracy.shape}"
        )
    if not (np.diff(memory) > 0).all():
        raise ValueError("megabytes must increase strictly")
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError("accuracy_fraction must be in [0, 1]; divide percentages by 100")
    return float(np.trapezoid(accuracy, memory))


def accuracy_per_megabyte(percent: float, megabytes: float) -> float:
    """Average incremental accuracy in percent per MB of 2^20 bytes (MEMO, APM-S and APM-E at a curve's two ends).

    Raises:
        ValueError: memory that is not positive.
    """
    if not megabytes > 0:
        raise ValueError(f"megabytes must be positive, got {megabytes}")
    return float(percent / megabytes)
