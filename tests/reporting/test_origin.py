"""The scores behind a number are found by asking the table."""

import itertools

import numpy
import pandas as pd
import pytest

from meshcil.config.experiment import Artifact
from meshcil.config.gates import CONTROL, GATES, ORACLE_GATES, RESTRICTED, View
from meshcil.core.errors import InputError
from meshcil.reporting.alignment import METRICS
from meshcil.reporting.origin import origin, origins
from meshcil.reporting.scores import COLUMNS, overall
from meshcil.reporting.tables import alignment_answer


def artifact(kind: str, **options: object) -> Artifact:
    return Artifact(name="t", kind=kind, caption="c", options=options)


def found(table: Artifact, scores: pd.DataFrame, row: str, column: str) -> tuple[str, list[dict]]:
    name, _, rows = origin(table, scores, row, column, "t.csv")
    return name, rows.to_dict("records")


def test_a_mean_over_seeds_comes_from_each_seed(scores: pd.DataFrame) -> None:
    name, rows = found(artifact("robustness"), scores, "inemo", "L2")
    assert name == "L2 [%]"
    assert [(r["method"], r["seed"], r["test_set"], r["metric"], r["class_name"]) for r in rows] == [
        ("inemo", 0, "L2", "accuracy", ""),
        ("inemo", 1, "L2", "accuracy", ""),
    ]


def test_so_does_its_spread(scores: pd.DataFrame) -> None:
    assert (
        found(artifact("robustness"), scores, "inemo", "L2 std")[1]
        == found(artifact("robustness"), scores, "inemo", "L2")[1]
    )


@pytest.mark.parametrize(
    ("kind", "row", "column", "metric", "step"),
    [
        ("summary", "icarl", "average", "average_incremental_accuracy", 2),
        ("summary", "icarl", "forgetting", "forgetting_before_last", 2),
        ("summary", "inemo", "pose pi/6", "pose_accuracy_pi6", 2),
        ("steps", "inemo", "2 classes", "accuracy", 0),
    ],
)
def test_each_kind_of_table_is_asked(
    scores: pd.DataFrame, kind: str, row: str, column: str, metric: str, step: int
) -> None:
    _, rows = found(artifact(kind), scores, row, column)
    assert {(r["metric"], r["step"], r["seed"]) for r in rows} == {(metric, step, 0), (metric, step, 1)}


def test_rows_of_one_method_are_told_apart(sweep: pd.DataFrame) -> None:
    _, rows = found(artifact("budget"), sweep, "icarl/total-24", "carried")
    assert [(r["budget"], r["metric"], r["test_set"]) for r in rows] == [("total-24", "carry_bytes", "")]


def test_the_order_of_rows_by_their_numbers_does_not_matter(sweep: pd.DataFrame) -> None:
    every = origins(artifact("budget"), sweep, "t.csv")
    assert {row for row, _ in every} >= {"icarl/total-24", "icarl/total-48"}
    for (row, column), rows in every.items():
        assert set(rows["budget"]) == {row.partition("/")[2]} and set(rows["method"]) == {row.partition("/")[0]}
        assert rows["metric"].nunique() == 1
        pd.testing.assert_frame_equal(origin(artifact("budget"), sweep, row, column, "t.csv")[2], rows)


def test_a_number_of_two_measurements_comes_from_both(scores: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(rows: pd.DataFrame, options: dict) -> pd.DataFrame:
        chosen = overall(rows, "accuracy").query("method == 'icarl' and seed == 0 and test_set in ('L1', 'L3')")
        return pd.DataFrame({"method": ["icarl"], "loss [%]": [-100 * chosen["value"].diff().iloc[-1]]})

    monkeypatch.setattr("meshcil.reporting.tables.summary.build", build)
    _, rows = found(artifact("summary"), scores, "icarl", "loss")
    assert {row["test_set"] for row in rows} == {"L1", "L3"}


def test_what_is_not_measured_comes_from_nothing(scores: pd.DataFrame) -> None:
    assert found(artifact("summary"), scores, "finetune", "pose pi/6")[1] == []
    assert found(artifact("summary"), scores, "inemo", "label")[1] == []
    assert found(artifact("summary"), scores, "inemo", "seeds")[1] == []


def test_an_unknown_cell_is_refused(scores: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"t.csv: has no single row `nemo`"):
        origin(artifact("summary"), scores, "nemo", "last", "t.csv")


def aligned_scores(hosts: int = 3, seeds: int = 3) -> pd.DataFrame:
    """Scores of hosts under every gate, all different; with values per class, which no table of gates reads."""
    draws, rows = numpy.random.default_rng(0), []
    for host, seed in itertools.product(range(hosts), range(seeds)):
        run = {"dataset": "d", "protocol": "p", "method": f"host-{host}", "label": f"Host {host}", "budget": "none"}
        for name in ("clean", *(View("clean", "eli", gate).name for gate in GATES)):
            for metric, part in itertools.product(METRICS, ("", "car", "boat")):
                place = {"seed": seed, "step": 4, "test_set": name, "task": "", "class_name": part, "metric": metric}
                rows.append({**run, **place, "value": draws.uniform(0.2, 0.9), "count": 40})
    return pd.DataFrame(rows, columns=COLUMNS)


def sets(rows: pd.DataFrame) -> set[tuple[str, str]]:
    assert set(rows["class_name"]) == {""}
    return set(zip(rows["method"], rows["test_set"], strict=True))


def test_a_gain_comes_from_the_value_without_and_the_one_with_alignment() -> None:
    every = origins(artifact("alignment"), aligned_scores(), "t.csv")
    row = "host-1/none/eli/pred-gate"
    assert sets(every[row, "last with [%]"]) == {("host-1", "clean:eli:pred-gate")}
    assert sets(every[row, "last gain [%]"]) == {("host-1", "clean"), ("host-1", "clean:eli:pred-gate")}
    assert set(every[row, "last gain [%]"]["metric"]) == {"last_accuracy"}
    assert set(every[row, "last gain [%]"]["seed"]) == {0, 1, 2}
    pd.testing.assert_frame_equal(every[row, "last gain std [%]"], every[row, "last gain [%]"])
    # The restricted one is compared with its control, not with the host's own.
    oracle = every[f"host-1/none/eli/{RESTRICTED}", "forgetting change [%]"]
    assert sets(oracle) == {("host-1", f"clean:eli:{gate}") for gate in (RESTRICTED, CONTROL)}


def test_an_interval_over_hosts_comes_from_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    scores, table = aligned_scores(), artifact("alignment-answer")
    built: list[int] = []
    original = alignment_answer.build
    monkeypatch.setattr(alignment_answer, "build", lambda *given: (built.append(1), original(*given))[1])
    every = origins(table, scores, "t.csv")
    hosts = [f"host-{i}" for i in range(3)]
    for column in ("gain [%]", "low [%]", "high [%]"):
        assert sets(every["eli/max-conf", column]) == {(h, s) for h in hosts for s in ("clean", "clean:eli:max-conf")}
        told = every[f"eli/{RESTRICTED}", column]
        assert sets(told) == {(h, f"clean:eli:{gate}") for h in hosts for gate in (RESTRICTED, CONTROL)}
    blind = {"clean", *(f"clean:eli:{gate}" for gate in GATES if gate not in ORACLE_GATES)}
    assert sets(every["eli/all that are not told", "low [%]"]) == {(h, s) for h in hosts for s in blind}
    assert ("eli/max-conf", "hosts") not in every
    # 24 measurements matter: 3 hosts, each plain and under 7 gates. All cells share the halvings that find them.
    assert len(built) < 80
    one = origins(table, scores, "t.csv", ("eli/max-conf", "low [%]"))
    assert list(one) == [("eli/max-conf", "low [%]")]
    pd.testing.assert_frame_equal(one["eli/max-conf", "low [%]"], every["eli/max-conf", "low [%]"])


def test_detection_and_two_tasks_are_asked_too() -> None:
    study = {"dataset": "d", "protocol": "2-2", "method": "s", "label": "S", "budget": "none", "seed": 0, "task": ""}
    moments = [
        ("base", "ap50_old"),
        *((name, m) for name in ("plain", *GATES) for m in ("ap50_old", "ap50_new", "ap50")),
    ]
    rows = [
        {**study, "step": 1, "test_set": name, "class_name": "", "metric": metric, "value": 0.3 + 0.01 * i, "count": 9}
        for i, (name, metric) in enumerate(moments)
    ]
    every = origins(artifact("detection"), pd.DataFrame(rows, columns=COLUMNS), "t.csv")
    row = "s/none/pred-gate"
    lost, gained = every[row, "forgetting [%]"], every[row, "recovered [%]"]
    assert set(zip(lost["test_set"], lost["metric"], strict=True)) == {("base", "ap50_old"), ("plain", "ap50_old")}
    assert set(gained["test_set"]) == {"plain", "pred-gate"}
    names = [("first", m) for m in ("after_first", "after_second", "aligned", "aligned_held_out", "held_out_iteration")]
    rows = [
        {**study, "step": 0, "test_set": name, "class_name": "", "metric": metric, "value": 0.5 + i, "count": 9}
        for i, (name, metric) in enumerate([*names, ("second", "after_second")])
    ]
    every = origins(artifact("two-tasks"), pd.DataFrame(rows, columns=COLUMNS), "t.csv")
    found = {column: (rows["test_set"].item(), rows["metric"].item()) for (_, column), rows in every.items()}
    assert found["stopped at"] == ("first", "held_out_iteration") and found["second [%]"] == ("second", "after_second")
    assert found["aligned [%]"] == ("first", "aligned") and "seeds" not in found
