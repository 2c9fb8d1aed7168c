"""From the predictions of one run to its scores."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from meshcil.evaluation.metrics import (
    auroc,
    average_incremental_accuracy,
    forgetting,
    last_accuracy,
    median_pose_error,
    pose_accuracy,
)

SCORE_COLUMNS = ("step", "test_set", "task", "class_name", "metric", "value", "count")
_KEY = ["step", "test_set", "sample_id"]
_TRUE_POSE = ["true_azimuth", "true_elevation", "true_theta"]
_NEEDED = [*_KEY, "true_class", "predicted_class", *_TRUE_POSE, "azimuth", "pose_error"]
HEADS = ("linear", "nearest_mean")
"""Classifiers that may stand next to the method's own, in columns `<head>_class`."""
OF_SCORES = ("top5", "task_incremental")
"""Other ways to be right, which the scores of all classes tell; in columns `<way>_right`."""

CERTAINTIES = {"certainty": "open_set_auroc", "fit": "open_set_auroc_fit"}
"""How sure a method is that it knows what an image shows: column -> metric of how well this tells."""

_TOP = 5

Measure = tuple[str, float, int]


def score_predictions(predictions: pd.DataFrame, steps: Sequence[Sequence[str]]) -> pd.DataFrame:
    """Tidy scores of one run.

    Per step and test set, over all images of the classes seen by then (``task`` and ``class_name``
    empty), over those of each task (``task`` = step that introduced the class) and of each class:

    - ``accuracy``: fraction of images whose class is right;
    - ``pose_accuracy_pi6``, ``pose_accuracy_pi18``: fraction of all images with a pose error below pi/6,
      pi/18, under the mesh of the predicted class;
    - ``pose_accuracy_pi6_given_class``: the same among rightly classified images;
    - ``pose_median_degrees``: over all images;
    - ``linear_accuracy``, ``nearest_mean_accuracy``: accuracy of these classifiers, where the method has them;
    - ``top5_accuracy``: fraction of images whose class is among the five with the best scores, in a run of more than
      five classes; of equal scores the class that arrived first counts as better;
    - ``task_incremental_accuracy``: fraction of images whose class has the best score among the classes of its own
      step: what the method would get right if it were told the step.

    Where images of classes that come later were asked about too, over all images:

    - ``open_set_auroc``: AUROC of telling images of the classes seen from those by the best class's score;
    - ``open_set_auroc_fit``: the same by how well the posed mesh explains the image, for methods with meshes.

    Their ``count`` is the number of images of both kinds.

    The pose rows are absent for a run that gives no pose; in a run that does, an image without a finite error counts as
    an error of pi. Images without a true pose are left out of them.

    For the run (``step`` = the last one): ``last_accuracy`` of each test set; and of those evaluated after
    every step ``average_incremental_accuracy``, ``forgetting_before_last`` and
    ``forgetting_including_last`` (absent for a single step). Their ``count`` is the number of images,
    of steps, and of forgettable tasks.
    ``last_accuracy`` and ``average_incremental_accuracy`` also of each classifier, and of the two other ways to be
    right, e.g. ``linear_last_accuracy``, ``top5_last_accuracy``.

    Args:
        predictions: one row per step, test set and image: ``sample_id, test_set, step, true_class,
            predicted_class, true_azimuth, true_elevation, true_theta, azimuth, pose_error`` (radians) and
            possibly more; the rows above that need ``scores`` (a list, one per class seen, in order of arrival) are
            absent without them. The same prediction may occur twice (test sets shared by suites).
        steps: class names that arrive at each step.

    Returns:
        Columns `SCORE_COLUMNS`, by step, then test set in order of appearance.

    Raises:
        ValueError: a column is missing, a class or step is unknown, or two predictions for the same
            image disagree.
    """
    table = _checked(predictions, steps)
    gives_pose = bool(table[["azimuth", "pose_error"]].notna().any(axis=None))
    rows = []
    for step in sorted(table["step"].unique()):
        seen = [name for group in steps[: step + 1] for name in group]
        now = table[(table["step"] == step) & table["true_class"].isin(seen)]
        for test_set in now["test_set"].unique():
            images = now[now["test_set"] == test_set]
            for task, name, part in _parts(images, steps[: step + 1]):
                rows += [(step, test_set, task, name, *measure) for measure in _measures(part, gives_pose)]
        rows += _open_set_rows(table[table["step"] == step], seen, int(step))
    scores = _frame(rows)
    return pd.concat([scores, _frame(_run_rows(scores, len(steps)))], ignore_index=True)


def _open_set_rows(images: pd.DataFrame, seen: Sequence[str], step: int) -> list[tuple]:
    """AUROC of each test set of a step that has images of classes seen and of classes to come."""
    rows = []
    for column, metric in CERTAINTIES.items():
        if column not in images.columns or images[column].isna().any():
            continue
        for test_set, of_set in images.groupby("test_set", sort=False):
            known = of_set["true_class"].isin(seen)
            value = auroc(of_set.loc[known, column], of_set.loc[~known, column])
            rows += [] if np.isnan(value) else [(step, test_set, None, "", metric, value, len(of_set))]
    return rows


def _frame(rows: Sequence[tuple]) -> pd.DataFrame:
    types = {"step": "int64", "task": "Int64", "value": "float64", "count": "int64"}
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS)).astype(types)


def _checked(predictions: pd.DataFrame, steps: Sequence[Sequence[str]]) -> pd.DataFrame:
    missing = [name for name in _NEEDED if name not in predictions.columns]
    if missing:
        raise ValueError(f"predictions must have the columns {', '.join(missing)}")
    unknown = sorted(set(predictions["true_class"]) - {name for group in steps for name in group})
    if unknown:
        raise ValueError(f"steps must hold every true class, lacks {', '.join(unknown)}")
    if not predictions["step"].isin(range(len(steps))).all():
        raise ValueError(f"predictions must be of steps 0 to {len(steps) - 1}")
    heads = [f"{head}_class" for head in HEADS if f"{head}_class" in predictions.columns]
    predictions = predictions.assign(**_right_by_scores(predictions, steps))
    if "scores" in predictions.columns and predictions["scores"].notna().all():
        predictions["certainty"] = [max(row) for row in predictions["scores"]]
    ways = [f"{way}_right" for way in OF_SCORES if f"{way}_right" in predictions.columns]
    sure = [name for name in CERTAINTIES if name in predictions.columns]
    table = predictions[[*_NEEDED, *heads, *ways, *sure]].drop_duplicates()
    again = table[table.duplicated(_KEY)]
    if len(again):
        raise ValueError(f"predictions must agree on an image, two differ for {tuple(again.iloc[0][_KEY])}")
    return table


def _right_by_scores(predictions: pd.DataFrame, steps: Sequence[Sequence[str]]) -> dict[str, NDArray[np.bool_]]:
    """Per row, whether the true class is among the five best of all seen, and the best of its own step."""
    if "scores" not in predictions.columns or predictions["scores"].isna().any():
        return {}
    classes = [name for group in steps for name in group]
    label = predictions["true_class"].map({name: i for i, name in enumerate(classes)}).to_numpy()
    bounds = np.cumsum([0, *map(len, steps)])
    task = np.searchsorted(bounds, label, side="right") - 1
    of_all, of_step = np.zeros(len(label), dtype=bool), np.zeros(len(label), dtype=bool)
    for step, rows in predictions.reset_index(drop=True).groupby("step").indices.items():
        rows = rows[label[rows] < bounds[step + 1]]
        values = _score_matrix(predictions["scores"].iloc[rows], int(bounds[step + 1]))
        own = label[rows, None]
        true, place = np.take_along_axis(values, own, axis=1), np.arange(values.shape[1])
        ahead = (values > true) | ((values == true) & (place < own))
        of_all[rows] = ahead.sum(axis=1) < _TOP
        within = (place >= bounds[task[rows], None]) & (place < bounds[task[rows] + 1, None])
        of_step[rows] = ~(ahead & within).any(axis=1)
    found = {"task_incremental_right": of_step}
    return found | {"top5_right": of_all} if len(classes) > _TOP else found


def _score_matrix(scores: pd.Series, seen: int) -> NDArray[np.float64]:
    """Scores as a matrix [n, seen].

    Raises ValueError when a row has another number of scores than there are classes seen.
    """
    wrong = {len(row) for row in scores} - {seen}
    if wrong:
        raise ValueError(f"predictions must have a score for each of the {seen} classes seen, one has {min(wrong)}")
    return np.array(scores.tolist(), dtype=np.float64).reshape(-1, seen)


def _parts(images: pd.DataFrame, groups: Sequence[Sequence[str]]) -> Iterator[tuple[int | None, str, pd.DataFrame]]:
    """All images, those of each task, those of each class; parts without an image are left out."""
    yield None, "", images
    for task, group in enumerate(groups):
        part = images[images["true_class"].isin(group)]
        if len(part):
            yield task, "", part
    for name in (name for group in groups for name in group):
        part = images[images["true_class"] == name]
        if len(part):
            yield None, name, part


def _measures(images: pd.DataFrame, gives_pose: bool) -> Iterator[Measure]:
    right = images["true_class"] == images["predicted_class"]
    yield "accuracy", float(right.mean()), len(images)
    for head in HEADS:
        answers = images.get(f"{head}_class")
        if answers is not None and bool(answers.notna().all()):
            yield f"{head}_accuracy", float((images["true_class"] == answers).mean()), len(images)
    for way in OF_SCORES:
        if f"{way}_right" in images.columns:
            yield f"{way}_accuracy", float(images[f"{way}_right"].mean()), len(images)
    known = images[_TRUE_POSE].notna().all(axis=1)
    if not gives_pose or not known.any():
        return
    errors = images.loc[known, "pose_error"].to_numpy(dtype=np.float64)
    yield "pose_accuracy_pi6", pose_accuracy(errors, np.pi / 6), len(errors)
    yield "pose_accuracy_pi18", pose_accuracy(errors, np.pi / 18), len(errors)
    of_class = errors[right[known].to_numpy()]
    if len(of_class):
        yield "pose_accuracy_pi6_given_class", pose_accuracy(of_class, np.pi / 6), len(of_class)
    yield "pose_median_degrees", float(np.rad2deg(median_pose_error(errors))), len(errors)


def _run_rows(scores: pd.DataFrame, number: int) -> list[tuple]:
    values = scores[scores["class_name"] == ""]
    rows = _matrix_rows(values[values["metric"] == "accuracy"], number)
    for head in (*HEADS, *OF_SCORES):
        of_head = values[(values["metric"] == f"{head}_accuracy") & values["task"].isna()]
        rows += [(*row[:4], f"{head}_{row[4]}", *row[5:]) for row in _matrix_rows(of_head, number)]
    return rows


def _matrix_rows(accuracy: pd.DataFrame, number: int) -> list[tuple]:
    last, rows = number - 1, []
    for test_set in accuracy["test_set"].unique():
        of_set = accuracy[accuracy["test_set"] == test_set]
        overall = of_set[of_set["task"].isna()].set_index("step")
        if last not in overall.index:
            continue
        per_step = overall["value"].sort_index()
        measures = [("last_accuracy", last_accuracy(per_step), int(overall.loc[last, "count"]))]
        matrix = of_set.dropna(subset="task").pivot(index="step", columns="task", values="value")
        if len(per_step) == number:
            measures.append(("average_incremental_accuracy", average_incremental_accuracy(per_step), number))
        if matrix.shape == (number, number) and number > 1:
            table = matrix.to_numpy(dtype=np.float64)
            measures += [
                ("forgetting_before_last", forgetting(table, "before-last"), last),
                ("forgetting_including_last", forgetting(table, "including-last"), last),
            ]
        rows += [(last, test_set, None, "", *measure) for measure in measures]
    return rows
