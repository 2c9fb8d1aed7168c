import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, top_k_accuracy_score

from meshcil.evaluation.scoring import SCORE_COLUMNS, score_predictions

STEPS = [["a", "b"], ["c"]]
SCORES = {"a": [0.6, 0.3, 0.1], "b": [0.3, 0.6, 0.1], "c": [0.2, 0.1, 0.7]}
"""Of the classes in order of arrival, by predicted class."""


def row(sample, step, true, predicted, test_set="clean", error=math.nan, azimuth=math.nan):
    return {
        "sample_id": sample,
        "test_set": test_set,
        "step": step,
        "true_class": true,
        "predicted_class": predicted,
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
    rows += [row("1L", 1, "a", "a", "L1"), row("4L", 1, "c", "a", "L1")]
    scores = [SCORES[r["predicted_class"]][: len(STEPS[0]) + r["step"]] for r in rows]
    return pd.DataFrame(rows).assign(scores=scores)


def value(scores, metric, step, test_set="clean", task=None, class_name=""):
    chosen = (scores["metric"] == metric) & (scores["step"] == step) & (scores["test_set"] == test_set)
    chosen &= (scores["class_name"] == class_name) & (scores["task"].isna() if task is None else scores["task"] == task)
    found = scores[chosen.fillna(False)]
    assert len(found) <= 1
    return (found["value"].item(), found["count"].item()) if len(found) else None


def test_images_of_classes_to_come_measure_what_the_scores_know_and_nothing_else():
    later = [row("4", 0, "c", "a"), row("5", 0, "c", "b")]
    asked = pd.concat([predictions(), pd.DataFrame(later).assign(scores=[[0.6, 0.1], [0.2, 0.1]])], ignore_index=True)
    asked["fit"] = np.linspace(0, 1, len(asked))
    plain, found = (score_predictions(table, STEPS) for table in (predictions(), asked))
    of_open_set = found["metric"].str.startswith("open_set")
    pd.testing.assert_frame_equal(found[~of_open_set].reset_index(drop=True), plain)
    rows = asked[asked["step"] == 0]
    known = rows["true_class"] != "c"
    for metric, sure in (("open_set_auroc", rows["scores"].map(max)), ("open_set_auroc_fit", rows["fit"])):
        assert value(found, metric, 0) == (pytest.approx(roc_auc_score(known, sure)), 5)
        assert value(found, metric, 1) is None, "nothing is unknown after the last step"


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
    assert set(scores["metric"]) == {"accuracy", "task_incremental_accuracy"}


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
    code = "import sys, meshcil.evaluation.scoring, meshcil.evaluation.metrics, meshcil.evaluation.metrics"
    subprocess.run([sys.executable, "-c", f"{code}; sys.exit('torch' in sys.modules)"], check=True)


def test_accuracy_within_the_own_step():
    scores = score_predictions(predictions(), STEPS)
    # Step 1: a taken for c has a before b, a taken for b has not; b is right; c is alone in its step.
    assert value(scores, "task_incremental_accuracy", 1) == (pytest.approx(4 / 5), 5)
    assert value(scores, "task_incremental_accuracy", 1, task=0) == (pytest.approx(2 / 3), 3)
    assert value(scores, "task_incremental_accuracy", 1, task=1) == (1.0, 2)
    assert value(scores, "task_incremental_last_accuracy", 1) == (pytest.approx(4 / 5), 5)
    assert value(scores, "task_incremental_average_incremental_accuracy", 1) == (pytest.approx((2 / 3 + 4 / 5) / 2), 2)
    assert not scores["metric"].str.startswith("top5").any(), "five of three classes are all"


def test_top_five_and_masked_accuracy_are_those_of_another_program():
    steps, generator = [["a", "b", "c"], ["d", "e"], ["f", "g", "h", "i"]], np.random.default_rng(0)
    names = [name for group in steps for name in group]
    rows = []
    for i in range(60):
        true, given = generator.integers(9), generator.random(9)
        own = {**row(str(i), 2, names[true], names[given.argmax()]), "scores": given.tolist()}
        rows.append(own)
    scores = score_predictions(pd.DataFrame(rows), steps)
    matrix, labels = np.array([r["scores"] for r in rows]), [names.index(r["true_class"]) for r in rows]
    expected = top_k_accuracy_score(labels, matrix, k=5, labels=range(9))
    assert value(scores, "top5_last_accuracy", 2) == (pytest.approx(expected), 60) and 0.3 < expected < 0.8
    groups = {c: range(*ends) for ends in ((0, 3), (3, 5), (5, 9)) for c in range(*ends)}
    masked = [max(groups[c], key=lambda k: r[k]) == c for r, c in zip(matrix, labels, strict=True)]
    assert value(scores, "task_incremental_accuracy", 2) == (pytest.approx(np.mean(masked)), 60)


def test_equal_scores_rank_by_arrival_and_every_class_counts_while_few_are_seen():
    steps = [["a", "b"], ["c", "d", "e", "f", "g"]]
    even = [{**row(n, 1, n, "a"), "scores": [0.0] * 7} for n in "abcdefg"]
    first = [{**row(n, 0, n, "a"), "scores": [0.0] * 2} for n in "ab"]
    scores = score_predictions(pd.DataFrame(first + even), steps)
    assert value(scores, "top5_accuracy", 0) == (1.0, 2)
    assert value(scores, "top5_accuracy", 1) == (pytest.approx(5 / 7), 7)
    assert value(scores, "task_incremental_accuracy", 1) == (pytest.approx(2 / 7), 7)


def test_a_missing_score_is_named_and_no_scores_give_no_rows():
    table = predictions()
    table.at[0, "scores"] = [1.0]
    with pytest.raises(ValueError, match="a score for each of the 2 classes seen, one has 1"):
        score_predictions(table, STEPS)
    scores = score_predictions(predictions().drop(columns="scores"), STEPS)
    assert not scores["metric"].str.startswith(("top5", "task_incremental")).any()
