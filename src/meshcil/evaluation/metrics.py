"""Metrics of steps, of memory, of pose errors and of confusions."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def average_incremental_accuracy(per_step: Iterable) -> float:
    """Mean over steps, the first included, of the accuracy over all classes seen so far (iCaRL), in the same unit.

    Raises ValueError when there is no step.
    """
    return float(np.mean(_per_step(per_step)))


def auroc(known: Iterable, unknown: Iterable) -> float:
    """Probability that an image of a known class has the larger score than one of an unknown class; ties count half.

    The area under the ROC curve of telling them apart (Mann-Whitney). NaN when there are none of a kind.
    """
    ours, others = (np.asarray(list(values), dtype=np.float64) for values in (known, unknown))
    if not len(ours) or not len(others):
        return float("nan")
    ranks = pd.Series(np.concatenate([ours, others])).rank().to_numpy()[: len(ours)]
    return float((ranks.sum() - len(ours) * (len(ours) + 1) / 2) / (len(ours) * len(others)))


def last_accuracy(per_step: Iterable) -> float:
    """Accuracy after the last step. Raises ValueError when there is no step."""
    return float(_per_step(per_step)[-1])


def forgetting(matrix: Iterable, convention: str = "before-last") -> float:
    """Mean drop of the earlier tasks between their best step and the last one; NaN for a single step.

    With R[i, j] the accuracy on task j after step i and T steps: mean over j < T - 1 of
    ``max_i R[i, j] - R[T - 1, j]``, i from j on. The convention ``before-last`` leaves the last step out of the maximum
    and may be negative (A-GEM, ELI); ``including-last`` does not and is never negative (PyCIL). Raises ValueError when
    the matrix is not square or empty, or the convention is unknown.
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

    ``joint``: accuracy on the classes of each step of a model trained at once on all classes seen by then; ``learned``:
    accuracy on the same classes right after the step that brought them, R[i, i]. Negative where the method is ahead.
    Raises ValueError for no step, or two different numbers of steps.
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


def area_under_memory_curve(megabytes: Iterable, accuracy_fraction: Iterable) -> float:
    """Area under the performance-memory curve by the trapezoidal rule (MEMO, AUC).

    Memory in MB of 2^20 bytes, strictly increasing, accuracies in [0, 1]. Not normalised, so it is comparable only over
    the same range of memory; divided by ``megabytes[-1] - megabytes[0]`` it is a mean accuracy. AUC-A takes average
    incremental accuracies, AUC-L last accuracies. Raises ValueError when lengths differ, for fewer than two points,
    memory not increasing, or percentages.
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

    Raises ValueError for memory that is not positive.
    """
    if not megabytes > 0:
        raise ValueError(f"megabytes must be positive, got {megabytes}")
    return float(percent / megabytes)


def pose_accuracy(errors: Iterable, threshold: float) -> float:
    """Share of pose errors below a threshold (NeMo: pi/6 and pi/18), all in radians; NaN without an error.

    There is one error per test image, wrongly classified ones included; a non-finite error counts as pi.
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


def confusion_matrix(true: Sequence[str], predicted: Sequence[str], classes: Sequence[str]) -> pd.DataFrame:
    """Counts of test images by true class (rows) and predicted class (columns), both in the order of ``classes``.

    Raises ValueError when lengths differ, or a name is not in ``classes``.
    """
    if len(true) != len(predicted):
        raise ValueError(f"true and predicted must have the same length, got {len(true)} and {len(predicted)}")
    unknown = sorted({*true, *predicted} - set(classes))
    if unknown:
        raise ValueError(f"classes must hold every true and predicted class, lacks {', '.join(unknown)}")
    counts = pd.crosstab(
        pd.Categorical(list(true), categories=list(classes)),
        pd.Categorical(list(predicted), categories=list(classes)),
        dropna=False,
    )
    return counts.rename_axis(index="true_class", columns="predicted_class")


def linear_cka(first: Iterable, second: Iterable, *, unbiased: bool = False) -> float:
    """Centred kernel alignment with linear kernels of two representations of the same images, one row per image.

    ``|Y^T X|^2 / (|X^T X| |Y^T Y|)`` with centred columns (Kornblith et al. 2019; MEMO, section 4.3); 1 for
    representations that differ by rotation, scale and offset. With fewer images than features it is pushed towards 1;
    the unbiased estimator (Song et al. 2012, HSIC_1), which needs at least 4 images, is not, and may be negative.
    Raises ValueError when the numbers of images differ or are too small, or a representation is constant.
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
