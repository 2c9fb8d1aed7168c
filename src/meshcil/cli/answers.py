"""Answers in predictions that contradict each other: what no method writes, whatever network it has."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from meshcil.config.run import RunConfig

ANSWERS = ("step", "predicted_class", "scores", "azimuth", "elevation", "theta", "pose_error")
"""Columns of predictions beside the truth that this compares."""
OTHERS = frozenset(
    ("test_set", "linear_class", "nearest_mean_class", "occlusion", "distance", "covered", "occluded", "fit")
)
"""Those that it does not: no others are written."""
_TOLERANCE = 1e-5
"""Radians, for the last digits of another library."""


def contradictions(rows: pd.DataFrame, run: RunConfig, step: int) -> Iterator[str]:
    """What is wrong with predictions after a step, a clause each.

    Args:
        rows: with `ANSWERS` and the true angles.
        run: that predicts.
        step: of the run.
    """
    if not (rows["step"] == step).all():
        yield f"some say that they were made after another step than {step}"
    seen = list(run.seen(step))
    if any(len(scores) != len(seen) for scores in rows["scores"]):
        yield f"some have not a score for each of the {len(seen)} classes seen"
    elif not _best(
        np.array(rows["scores"].to_list(), dtype=np.float64),
        pd.Index(seen).get_indexer(pd.Index(rows["predicted_class"])),
    ):
        yield "some predicted classes are not those with the best scores"
    if not _measured(rows):
        yield "some pose errors are not those of the poses"


def _measured(rows: pd.DataFrame) -> bool:
    """Whether pose errors follow from the poses, or, as released code has it (D13), from those with theta negated."""
    found, true, given = _angles(rows, ""), _angles(rows, "true_"), rows["pose_error"].to_numpy(dtype=np.float64)
    turns = (np.array(turn) for turn in ((1.0, 1.0, 1.0), (1.0, 1.0, -1.0)))
    errors = (_pose_error(found * turn, true * turn) for turn in turns)
    return any(np.allclose(given, error, rtol=0, atol=_TOLERANCE, equal_nan=True) for error in errors)


def _best(scores: NDArray[np.float64], labels: NDArray[np.intp]) -> bool:
    if (labels < 0).any():
        return False
    return bool((np.take_along_axis(scores, labels[:, None], axis=1)[:, 0] == scores.max(axis=1)).all())


def _angles(rows: pd.DataFrame, prefix: str) -> NDArray[np.float64]:
    return rows[[f"{prefix}azimuth", f"{prefix}elevation", f"{prefix}theta"]].to_numpy(dtype=np.float64)


def _pose_error(found: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """As `meshcil.geometry.poses.pose_error`, without torch: none without a pose, pi where one is not finite."""
    whole = np.isfinite(np.hstack((found, true))).all(axis=1, keepdims=True)
    first, second = (_rotation(np.where(whole, pose, 0.0)) for pose in (found, true))
    angle = np.where(whole.ravel(), (first.inv() * second).magnitude(), np.pi)
    return np.where(np.isnan(found).all(axis=1), np.nan, angle)


def _rotation(pose: NDArray[np.float64]) -> Rotation:
    azimuth, elevation, theta = pose.T
    return Rotation.from_euler("ZXZ", np.stack((theta, elevation - np.pi / 2, -azimuth), axis=1))
