import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from meshcil.evaluation.scoring import SCORE_COLUMNS, score_predictions

STEPS = [["a", "b"], ["c"]]


def row(sample, step, true, predicted, test_set="clean", error=math.nan, azimuth=math.nan):
    return {
        "sample_id": sample,
        "test_set": test_set,
        "step": step,
        "true_class": true,
        "predicted_class": predicted,
        "scores": [0.5, 0.5],
        "true_azimuth": 0.1,
        "true_elevation": 0.2,
        "true_theta": 0.3,
        "azimuth": azimuth,
        "elevation": azimuth,
        "theta": azimuth,
        "pose_error": error,
        "occlusion": 0.0,
    }


def predictions() -> pd.DataFrame:
    """Step 0: a right, a wrong, b right. Step 1: one a forgotten, b right, c half right; L1 only after step 1."""
    first = [("1", "a", "a"), ("2", "a", "b"), ("3", "b", "b")]
    second = [("1", "a", "c"), ("2", "a", "b"), ("3", "b", "b"), ("4", "c", "c"), ("5", "c", "a")]
    rows = [row(s, 0, t, p) for s, t, p in first] + [row(s, 1, t, p) for s, t, p in second]
    return pd.DataFrame([*rows, row("1L", 1, "a", "a", "L1"), row("4L", 1, "c", "a", "L1")])


def value(scores, metric, step, test_set="clean", task=None, class_name=""):
    chosen = (scores["metric"] == metric) & (scores["step"] == step) & (scores["test_set"] == test_set)
    chosen &= (scores["class_name"] == class_name) & (scores["task"].isna() if task is None else scores["task"] == task)
    found = scores[chosen.fillna(False)]
    assert len(found) <= 1
    return (found["value"].item(), found["count"].item()) if len(found) else None


def test_accuracies():
    scores = score_predictions(predictions(), STEPS)
    assert tuple(scores.columns) == SCORE_COLUMNS
    assert value(scores, "accuracy", 0) == (pytest.approx(2 / 3), 3)
    assert value(scores, "accuracy", 1) == (pytest.approx(2 / 5), 5)
    assert value(scores, "accuracy", 1, task=0) == (pytest.approx(1 / 3), 3)
    assert value(scores, "accuracy", 1, task=1) == (0.5, 2)
    assert value(scores, "accuracy", 0, task=1) is None
    assert value(scores, "accuracy", 1, class_name="a") == (0.0, 2)
    assert value(scores, "accuracy", 1, "L1", class_name="a") == (1.0, 1)
    assert value(scores, "accuracy", 1, "L1", class_name="b") is None


def test_run_level_rows():
    scores = score_predictions(predictions(), STEPS)
    assert value(scores, "average_incremental_accuracy", 1) == (pytest.approx((2 / 3 + 2 / 5) / 2), 2)
    assert value(scores, "last_accuracy", 1) == (pytest.approx(2 / 5), 5)
    assert value(scores, "forgetting_before_last", 1) == (pytest.approx(1 / 3), 1)
    assert value(scores, "forgetting_including_last", 1) == (pytest.approx(1 / 3), 1)
    assert value(scores, "last_accuracy", 1, "L1") == (0.5, 2)
    assert value(scores, "average_incremental_accuracy", 1, "L1") is None
    assert value(scores, "forgetting_before_last", 1, "L1") is None


def test_further_classifiers_are_scored_where_they_answered():
    table = predictions().assign(linear_class=lambda t: t["true_class"], nearest_mean_class=None)
    scores = score_predictions(table, STEPS)
    assert value(scores, "linear_accuracy", 1) == (1.0, 5)
    assert value(scores, "linear_last_accuracy", 1) == (1.0, 5)
    assert value(scores, "linear_average_incremental_accuracy", 1) == (1.0, 2)
    assert value(scores, "last_accuracy", 1) == (pytest.approx(2 / 5), 5)
    assert not scores["metric"].str.startswith("nearest_mean").any()


def test_an_unfinished_run_has_no_run_level_rows():
    table = predictions()
    scores = score_predictions(table[table["step"] == 0], STEPS)
    assert set(scores["metric"]) == {"accuracy"}


def test_a_single_step_has_nothing_to_forget():
    scores = score_predictions(pd.DataFrame([row("1", 0, "a", "a")]), [["a"]])
    assert "forgetting_before_last" not in set(scores["metric"])
    assert value(scores, "average_incremental_accuracy", 0) == (1.0, 1)


def test_pose_metrics_over_all_images_and_given_the_class():
    rows = [
        row("1", 0, "a", "a", error=math.radians(5), azimuth=1.0),
        row("2", 0, "a", "b", error=math.radians(20), azimuth=1.0),
        row("3", 0, "b", "b", error=math.radians(40), azimuth=1.0),
        row("4", 0, "b", "b", error=math.nan, azimuth=1.0),
    ]
    without_truth = row("5", 0, "b", "a", error=math.nan, azimuth=1.0) | {"true_theta": math.nan}
    scores = score_predictions(pd.DataFrame([*rows, without_truth]), [["a", "b"]])
    assert value(scores, "accuracy", 0) == (0.6, 5)
    assert value(scores, "pose_accuracy_pi6", 0) == (0.5, 4)
    assert value(scores, "pose_accuracy_pi18", 0) == (0.25, 4)
    assert value(scores, "pose_accuracy_pi6_given_class", 0) == (pytest.approx(1 / 3), 3)
    assert value(scores, "pose_median_degrees", 0) == (pytest.approx(30), 4)
    assert value(scores, "pose_median_degrees", 0, class_name="b") == (pytest.approx(110), 2)


def test_no_pose_rows_without_a_pose():
    scores = score_predictions(predictions(), STEPS)
    assert not scores["metric"].str.startswith("pose").any()


def test_images_of_classes_not_yet_seen_are_not_scored():
    extra = pd.DataFrame([row("9", 0, "c", "a")])
    expected = score_predictions(predictions(), STEPS)
    pd.testing.assert_frame_equal(score_predictions(pd.concat([predictions(), extra]), STEPS), expected)


def test_the_same_prediction_twice_counts_once_but_two_answers_are_refused():
    table = predictions()
    twice = pd.concat([table, table.tail(4)])
    pd.testing.assert_frame_equal(score_predictions(twice, STEPS), score_predictions(table, STEPS))
    with pytest.raises(ValueError, match="two differ"):
        score_predictions(pd.concat([table, pd.DataFrame([row("1", 0, "a", "b")])]), STEPS)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"true_class": "z"}, "lacks z"), ({"step": 2}, "steps 0 to 1")],
)
def test_unknown_names_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        score_predictions(predictions().assign(**change), STEPS)
    with pytest.raises(ValueError, match="columns true_theta"):
        score_predictions(predictions().drop(columns="true_theta"), STEPS)


def test_accuracy_over_tasks_is_the_weighted_mean():
    generator = np.random.default_rng(0)
    names = ["a", "b", "c"]
    rows = [row(str(i), 1, names[generator.integers(3)], names[generator.integers(3)]) for i in range(200)]
    scores = score_predictions(pd.DataFrame(rows), STEPS)
    accuracy = scores[(scores["metric"] == "accuracy") & (scores["class_name"] == "")]
    tasks = accuracy.dropna(subset="task")
    total = value(scores, "accuracy", 1)
    assert (tasks["value"] * tasks["count"]).sum() / tasks["count"].sum() == pytest.approx(total[0])
    classes = scores[scores["class_name"] != ""]
    assert classes["count"].sum() == tasks["count"].sum() == total[1] == 200


def test_evaluation_never_loads_torch():
    code = "import sys, meshcil.evaluation.scoring, meshcil.evaluation.confusion, meshcil.evaluation.memory_curve"
    subprocess.run([sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], check=True)
