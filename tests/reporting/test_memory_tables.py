"""Sweeps over budgets, accuracy against held bytes, and both classifiers beside each other."""

import math

import pandas as pd
import pytest

from meshcil.reporting.scores import COLUMNS
from meshcil.reporting.table import from_texts
from meshcil.reporting.tables import contest
from tests.reporting.conftest import cells_of, table_of

MIB = 2**20
# Budget in MB -> average and last accuracy, of two seeds.
CURVE = {2: ((0.50, 0.40), (0.54, 0.44)), 4: ((0.60, 0.50), (0.60, 0.50)), 8: ((0.70, 0.60), (0.70, 0.62))}


def rows(memory: int, seed: int, average: float, last: float) -> list[dict[str, object]]:
    run = {"dataset": "d", "protocol": "p", "method": "m", "label": "M", "budget": f"bytes-{memory * MIB}"}
    common = {**run, "seed": seed, "task": "", "class_name": "", "count": 10}
    found = [
        {"step": step, "test_set": "", "metric": f"{ledger}_bytes", "value": (memory - 1 + step) * MIB - spare}
        for step in range(2)
        for ledger, spare in (("carry", 0), ("paper", MIB // 2))
    ]
    found += [{"step": step, "test_set": "", "metric": "exemplars", "value": 10 * memory} for step in range(2)]
    values = {"average_incremental_accuracy": average, "last_accuracy": last, "accuracy": last}
    values |= {f"nearest_mean_{name}": value / 2 for name, value in values.items()}
    found += [{"step": 1, "test_set": "clean", "metric": name, "value": value} for name, value in values.items()]
    found.append({"step": 0, "test_set": "clean", "metric": "accuracy", "value": 2 * average - last})
    return [{**common, **row} for row in found]


@pytest.fixture
def curve() -> pd.DataFrame:
    every = [
        row for memory, pairs in CURVE.items() for seed, pair in enumerate(pairs) for row in rows(memory, seed, *pair)
    ]
    return pd.DataFrame(every, columns=COLUMNS)


def test_area_is_measured_for_each_seed_and_divided_by_the_width(curve: pd.DataFrame) -> None:
    [row] = cells_of("sweep", curve).to_dict("records")
    # (0.50 + 0.60) / 2 * 2 + (0.60 + 0.70) / 2 * 4 = 3.7 and with 0.54 in front 3.74.
    assert row["AUC-A"] == pytest.approx((3.7 + 3.74) / 2)
    assert row["AUC-A std"] == pytest.approx(0.04 / 2**0.5)
    assert row["AUC-A per MB [%]"] == pytest.approx(100 * 3.72 / 6)
    assert (row["from [MiB]"], row["to [MiB]"], row["budget"], row["seeds"]) == (2, 8, "3 points", 2)
    assert row["APM-S"] == pytest.approx(52 / 2) and row["APM-E"] == pytest.approx(70 / 8)


def test_one_point_has_no_area(curve: pd.DataFrame) -> None:
    [row] = cells_of("sweep", curve[curve["budget"] == f"bytes-{2 * MIB}"]).to_dict("records")
    assert "AUC-A" not in row and row["APM-S"] == row["APM-E"] == pytest.approx(26)


def test_held_bytes_stand_beside_each_step_s_accuracy(curve: pd.DataFrame) -> None:
    table = cells_of("held", curve)
    first = table[table["budget"] == f"bytes-{4 * MIB}"]
    assert first["step"].tolist() == [0, 1]
    assert first["carried [MiB]"].tolist() == [3, 4] and first["paper [MiB]"].tolist() == [2.5, 3.5]
    assert first["accuracy [%]"].tolist() == pytest.approx([70, 50]) and first["exemplars"].tolist() == [40, 40]


def test_a_classifier_that_was_not_measured_is_blank(curve: pd.DataFrame) -> None:
    table = cells_of("heads", curve)
    assert table["nearest mean, last [%]"].tolist() == pytest.approx([21, 25, 30.5])
    assert table["linear, last [%]"].isna().all()


def test_the_best_of_each_group_competes_under_each_budget(curve: pd.DataFrame) -> None:
    rival = curve.assign(method="n", label="N", value=curve["value"] - 0.05)
    weak = curve.assign(method="w", label="W", value=0.01)
    scores = pd.concat([rival, curve[curve["budget"] != f"bytes-{8 * MIB}"], weak])
    table = cells_of("contest", scores, groups={"models": ["m"], "exemplars": ["n", "w"]})
    assert table["budget"].tolist() == [f"bytes-{size * MIB}" for size in (2, 4, 8)]
    assert table["label"].tolist() == ["M", "M", "N"]
    assert table["models [%]"].tolist()[:2] == pytest.approx([52, 60]) and table["models [%]"].isna().tolist()[2]
    assert table["exemplars method"].tolist() == ["N", "N", "N"]
    assert table["lead [%]"].tolist()[:2] == pytest.approx([5, 5]) and table["lead [%]"].isna().tolist()[2]
    assert table["lead std [%]"].tolist()[:2] == pytest.approx([0, 0], abs=1e-9), "of differences seed by seed"


def test_a_method_without_exemplars_stands_at_every_budget_that_holds_it(curve: pd.DataFrame) -> None:
    smallest = curve[curve["budget"] == f"bytes-{2 * MIB}"]
    free = smallest.assign(method="f", label="F", budget="none", value=smallest["value"] + 0.1)
    carried = smallest["metric"] == "carry_bytes"
    free.loc[carried, "value"] = 3.0 * MIB
    groups = {"models": ["m"], "no exemplars": ["f"]}
    table = cells_of("contest", pd.concat([curve, free]), groups=groups)
    assert table["budget"].tolist() == [f"bytes-{size * MIB}" for size in (2, 4, 8)]
    assert table["no exemplars [%]"].isna().tolist() == [True, False, False], "two million bytes do not hold it"
    assert table["label"].tolist() == ["M", "F", "M"] and table["models [%]"].tolist() == pytest.approx([52, 60, 70])


def test_new_classes_are_compared_with_joint_training_of_the_same_seed(curve: pd.DataFrame) -> None:
    """Values on the diagonal R[b, b] alone; old tasks and single classes do not count."""
    columns = ["dataset", "protocol", "budget", "class_name", "test_set", "metric", "label"]
    common = dict(zip(columns, ("d", "p", "none", "", "clean", "accuracy", "x"), strict=True))
    found = []
    for method, values in (("joint", (0.9, 0.8)), ("m", (0.9, 0.7))):
        for seed, shift in ((0, 0.0), (1, 0.1 if method == "joint" else 0.0), (2, 0.0)):
            if (method, seed) != ("joint", 2):
                for step, value in enumerate(values):
                    rows = [(str(step), value + shift * step), ("" if step == 0 else "0", 0.1)]
                    run = {**common, "method": method, "seed": seed, "step": step, "count": 1}
                    found += [{**run, "task": task, "value": number} for task, number in rows]
                found.append({**found[-2], "class_name": "c", "value": 0.2})
    scores = pd.DataFrame(found, columns=COLUMNS)
    [row] = cells_of("intransigence", scores).to_dict("records")
    assert (row["method"], row["seeds"]) == ("m", 2)
    assert row["intransigence [%]"] == pytest.approx(100 * (0.1 / 2 + 0.2 / 2) / 2)
    assert row["in the last step [%]"] == pytest.approx(15)
    assert cells_of("intransigence", scores, reference="other").empty


def test_an_area_is_traced_to_every_point_of_its_curve(curve: pd.DataFrame) -> None:
    table = table_of("sweep", curve)
    (found,) = [curve.loc[list(rows)] for (_, column), rows in table.origins().items() if column == "AUC-A"]
    assert set(found["metric"]) == {"average_incremental_accuracy"}
    assert set(found["budget"]) == set(curve["budget"]) and set(found["seed"]) == {0, 1}


def test_a_contest_is_answered_in_a_sentence_per_budget() -> None:
    columns = ["budget", "seeds", "models [%]", "models method", "mesh [%]", "mesh method", "lead [%]", "lead std [%]"]
    cells = [
        ("bytes-1000000", "3", "", "", "60.00", "iNeMo", "", ""),
        ("bytes-1800000", "3", "61.00", "DER", "65.00", "iNeMo", "4.00", "1.00"),
        ("total-20", "3", "66.00", "MEMO", "65.00", "iNeMo", "1.00", "1.00"),
        ("total-30", "1", "66.00", "MEMO", "65.00", "iNeMo", "1.00", ""),
    ]
    half = 4.302653 / math.sqrt(3)  # Student's t, two degrees of freedom
    assert contest.answers(from_texts(pd.DataFrame(cells, columns=columns))) == [
        "At 1 million bytes iNeMo (mesh) is best: 60.0 %; nothing else fits.",
        "At 1.8 million bytes iNeMo (mesh) is best: 65.0 %, 4.0 points above DER (models)"
        f" (95 % interval {4 - half:+.1f} to {4 + half:+.1f}).",
        "Under total-20 MEMO (models) is best: 66.0 %, 1.0 points above iNeMo (mesh)"
        f" (95 % interval {1 - half:+.1f} to {1 + half:+.1f}); they are not to be told apart.",
        "Under total-30 MEMO (models) is best: 66.0 %, 1.0 points above iNeMo (mesh), in too few seeds to decide.",
    ]
