"""Tables and figure about alignment: the oracle stands beside its control, gains are paired."""

import pandas as pd
import pytest

from meshcil.config.gates import GATES
from meshcil.reporting.figures.alignment import draw
from meshcil.reporting.layout import as_text
from meshcil.reporting.scores import COLUMNS
from meshcil.reporting.tables import alignment, alignment_answer

# Percent right in the end: the host's own, then each gate's.
PLAIN = 50.0
FOUND = {
    "task-oracle": 70.0,
    "oracle-without-alignment": 68.0,
    "align-all": 40.0,
    "pred-gate": 51.0,
    "energy-gate": 50.0,
    "max-conf": 52.0,
}


def scores(seeds: int = 2, spread: float = 1.0) -> pd.DataFrame:
    rows = []
    for seed in range(seeds):
        shift = spread * seed
        names = {"clean": PLAIN, **{f"clean:eli:{gate}": value + shift for gate, value in FOUND.items()}}
        for name, value in names.items():
            for metric in ("last_accuracy", "average_incremental_accuracy", "forgetting_before_last"):
                run = ["digits", "2-2", "icarl", "iCaRL", "total-20", seed]
                rows.append([*run, 4, name, "", "", metric, value / 100, 10])
    return pd.DataFrame(rows, columns=COLUMNS)


def test_oracle_is_compared_with_its_control_and_the_others_with_the_host() -> None:
    table = as_text(alignment.build(scores(1), {})).set_index("gate")
    assert table.loc["task-oracle", "last without [%]"] == "68.00"
    assert table.loc["task-oracle", "last gain [%]"] == "2.00"
    assert table.loc["align-all", "last without [%]"] == "50.00"
    assert table.loc["align-all", "last gain [%]"] == "-10.00"
    assert list(table.index) == [gate for gate in GATES if gate != "oracle-without-alignment"]
    assert list(table["told the task"]) == ["yes", "no", "no", "no", "no"]


def test_oracle_without_its_control_is_not_compared() -> None:
    rows = scores(1)
    rows = rows[~rows["test_set"].str.endswith("oracle-without-alignment")]
    table = as_text(alignment.build(rows, {})).set_index("gate")
    assert table.loc["task-oracle", "last without [%]"] == "" and table.loc["task-oracle", "last gain [%]"] == ""


def test_answer_states_mean_and_interval_over_runs() -> None:
    table = alignment_answer.build(scores(3, spread=0.1), {}).set_index("gate")
    assert table.loc["max-conf", "gain [%]"] == pytest.approx(2.1)
    assert table.loc["max-conf", "answer"].endswith("alignment helps.")
    assert table.loc["align-all", "answer"].endswith("alignment harms.")
    together = table.loc["all that are not told"]
    assert together["runs"] == 3 and together["gain [%]"] == pytest.approx((-10 + 1 + 0 + 2) / 4 + 0.1)


def test_an_interval_around_zero_is_open_and_one_run_decides_nothing() -> None:
    assert "is open" in alignment_answer.build(scores(2), {}).set_index("gate").loc["energy-gate", "answer"]
    assert "decides nothing" in alignment_answer.build(scores(1), {}).set_index("gate").loc["max-conf", "answer"]


def test_figure_shows_every_gate() -> None:
    figure = draw(scores(), {})
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert ticks == ["task-oracle\n(told the task)", "align-all", "pred-gate", "energy-gate", "max-conf"]
    assert not draw(scores().iloc[:0], {}).axes[0].get_xticklabels()
