"""Tables and figure about alignment: the restricted oracle stands beside its control, gains are paired."""

import pandas as pd
import pytest

from meshcil.config.gates import GATES
from meshcil.reporting.scores import COLUMNS
from meshcil.reporting.style import svg_bytes
from meshcil.reporting.tables import alignment_answer
from tests.reporting.conftest import cells_of, figure_of, table_of
from tests.reporting.test_figures import texts

# Percent right in the end: the host's own, then each gate's.
PLAIN = 50.0
FOUND = {
    "task-oracle": 66.0,
    "task-oracle-restricted": 70.0,
    "oracle-without-alignment": 68.0,
    "align-all": 40.0,
    "pred-gate": 51.0,
    "energy-gate": 50.0,
    "learned-gate": 48.25,
    "max-conf": 52.0,
}


def scores(seeds: int = 2, spread: float = 1.0, host: str = "icarl", ahead: float = 0.0) -> pd.DataFrame:
    """Scores of one host; each gate gains ``ahead`` more than in `FOUND`, and ``spread`` more with each seed."""
    rows = []
    for seed in range(seeds):
        shift = spread * seed + ahead
        names = {"clean": PLAIN, **{f"clean:eli:{gate}": value + shift for gate, value in FOUND.items()}}
        for name, value in names.items():
            for metric in ("last_accuracy", "average_incremental_accuracy", "forgetting_before_last"):
                run = ["digits", "2-2", host, host.upper(), "total-20", host, seed]
                rows.append([*run, 4, name, "", "", metric, value / 100, 10])
    return pd.DataFrame(rows, columns=COLUMNS)


def test_restricted_oracle_is_compared_with_its_control_and_the_others_with_the_host() -> None:
    table = table_of("alignment", scores(1)).texts().set_index("gate")
    assert table.loc["task-oracle-restricted", "last without [%]"] == "68.00"
    assert table.loc["task-oracle-restricted", "last gain [%]"] == "2.00"
    assert table.loc["task-oracle", "last without [%]"] == "50.00"
    assert table.loc["task-oracle", "last gain [%]"] == "16.00"
    assert table.loc["align-all", "last without [%]"] == "50.00"
    assert table.loc["align-all", "last gain [%]"] == "-10.00"
    assert list(table.index) == [gate for gate in GATES if gate != "oracle-without-alignment"]
    assert list(table["told the task"]) == ["yes", "yes", "no", "no", "no", "no", "no"]


def test_restricted_oracle_without_its_control_is_not_compared() -> None:
    rows = scores(1)
    rows = rows[~rows["test_set"].str.endswith("oracle-without-alignment")]
    table = table_of("alignment", rows).texts().set_index("gate")
    row = table.loc["task-oracle-restricted"]
    assert row["last without [%]"] == "" and row["last gain [%]"] == ""
    assert table.loc["task-oracle", "last gain [%]"] == "16.00"


def hosts(count: int, spread: float, seeds: int = 1) -> pd.DataFrame:
    return pd.concat([scores(seeds, 4.0, f"host-{i}", spread * i) for i in range(count)], ignore_index=True)


def test_answer_states_mean_and_interval_over_hosts() -> None:
    table = cells_of("alignment-answer", hosts(3, 0.1)).set_index("gate")
    assert table.loc["max-conf", "gain [%]"] == pytest.approx(2.1)
    assert table.loc["max-conf", "answer"].endswith("it helps.")
    assert table.loc["align-all", "answer"].endswith("it harms.")
    together = table.loc["all that are not told"]
    assert together["hosts"] == 3 and together["gain [%]"] == pytest.approx((-10 + 1 + 0 - 1.75 + 2) / 5 + 0.1)
    assert alignment_answer.answers(table_of("alignment-answer", hosts(3, 0.1))) == [
        "Averaged over the gates that are not told the task, eli changes last accuracy by -1.65 points (95% interval"
        " over 3 hosts -1.90 to -1.40): it harms.",
    ]
    assert "Under the gate task-oracle (told the task), eli" in table.loc["task-oracle", "answer"]


def test_seeds_of_a_host_are_averaged_first_and_are_no_hosts() -> None:
    alone, seeds = (cells_of("alignment-answer", hosts(3, 0.1, n)).set_index("gate").loc["max-conf"] for n in (1, 5))
    assert seeds["hosts"] == alone["hosts"] == 3
    assert seeds["gain [%]"] == pytest.approx(alone["gain [%]"] + 4.0 * 2)
    assert seeds["high [%]"] - seeds["low [%]"] == pytest.approx(alone["high [%]"] - alone["low [%]"])


def test_an_interval_around_zero_is_open_and_one_host_decides_nothing() -> None:
    both = pd.concat([scores(1, host="a", ahead=-1.0), scores(1, host="b", ahead=1.0)], ignore_index=True)
    table = cells_of("alignment-answer", both)
    assert "is open" in table.set_index("gate").loc["energy-gate", "answer"]
    single = cells_of("alignment-answer", scores(5)).set_index("gate").loc["max-conf"]
    assert single["hosts"] == 1 and "a single host decides nothing" in single["answer"]


def test_figure_shows_every_gate() -> None:
    figure = figure_of("alignment", scores())
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    oracles = ["task-\noracle\n(told)", "task-\noracle-\nrestricted\n(told)"]
    assert ticks == [*oracles, "align-\nall", "pred-\ngate", "energy-\ngate", "learned-\ngate", "max-\nconf"]
    (bars,) = [drawn for drawn in figure.axes[0].containers if drawn.has_yerr]
    assert len(bars.lines[0].get_xdata()) == len(ticks)
    assert "ICARL" in texts(svg_bytes(figure)) and figure.axes[0].get_legend() is None
    assert not [drawn for drawn in figure_of("alignment", scores(1)).axes[0].containers if drawn.has_yerr]
    several = texts(svg_bytes(figure_of("alignment", hosts(2, 1.0).assign(label="One"))))
    assert several.count("One") == 2
    assert not figure_of("alignment", scores().iloc[:0]).axes[0].get_xticklabels()
