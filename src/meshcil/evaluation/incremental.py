"""Metrics of a sequence of steps."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def average_incremental_accuracy(per_step: Iterable) -> float:
    """Mean over steps, the first included, of the accuracy over all classes seen so far (iCaRL).

    Args:
        per_step: accuracy after each step, in any unit; at least one.

    Raises:
        ValueError: no step.
    """
    return float(np.mean(_per_step(per_step)))


def last_accuracy(per_step: Iterable) -> float:
    """Accuracy after the last step.

    Args:
        per_step: accuracy after each step; at least one.

    Raises:
        ValueError: no step.
    """
    return float(_per_step(per_step)[-1])


def forgetting(matrix: Iterable, convention: str = "before-last") -> float:
    """Mean drop of the earlier tasks between their best step and the last one.

    With R[i, j] the accuracy on task j after step i and T steps:
    mean over j < T - 1 of ``max_i R[i, j] - R[T - 1, j]``, i from j on.

    Args:
        matrix: ``[T, T]``; entries above the diagonal are not read.
        convention: ``before-last`` leaves the last step out of the maximum and may be negative
            (A-GEM, ELI); ``including-last`` does not and is never negative (PyCIL).

    Returns:
        In the unit of the matrix; NaN for a single step, where nothing can be forgotten.

    Raises:
        ValueError: the matrix is not square or empty, or the convention is unknown.
    """
    table = np.asarray(matrix, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
        raise ValueError(f"matrix must be [T, T] with T at least 1, got shape {table.shape}")
    if convention not in ("before-last", "including-last"):
        raise ValueError(f"convention must be before-last or including-last, got {convention!r}")
    last = len(table) - 1
    stop = last if convention == "before-last" else last + 1
    drops = [table[task:stop, task].max() - table[last, task] for task in range(last)]
    return float(np.mean(drops)) if drops else float("nan")


def intransigence(joint: Iterable, learned: Iterable) -> float:
    """Mean over steps of how much worse new classes are learned than by joint training (Chaudhry et al., ECCV 2018).

    Args:
        joint: accuracy on the classes of each step of a model trained at once on all classes seen by then.
        learned: accuracy on the same classes right after the step that brought them, R[i, i].

    Returns:
        In the unit of the accuracies; negative where the method is ahead.

    Raises:
        ValueError: no step, or two different numbers of steps.
    """
    best, own = _per_step(joint), _per_step(learned)
    if len(best) != len(own):
        raise ValueError(f"joint and learned must have one accuracy per step each, got {len(best)} and {len(own)}")
    return float((best - own).mean())


def _per_step(values: Iterable) -> NDArray[np.float64]:
    steps = np.asarray(values, dtype=np.float64)
    if steps.ndim != 1 or not steps.size:
        raise ValueError(f"per_step must be a sequence of at least one accuracy, got shape {steps.shape}")
    return steps
