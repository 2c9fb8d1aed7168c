"""Made-up scores in the layout of results/experiments/<E>.csv."""

from collections.abc import Callable

import numpy
import pandas as pd
import pytest

from meshcil.reporting.scores import COLUMNS

CLASSES = ["aeroplane", "bicycle", "boat", "bottle", "bus", "car"]
TEST_SETS = ["clean", "L1", "L2", "L3", "shape", "weather"]
METHODS = {"inemo": ("iNeMo", 0.92), "icarl": ("iCaRL", 0.82), "finetune": ("Finetune", 0.6)}


def run_rows(method: str, budget: str, seed: int, steps: int = 3) -> list[dict[str, object]]:
    """Scores of one made-up run of two classes per step."""
    label, level = METHODS[method]
    generator = numpy.random.default_rng([seed, sum(map(ord, method + budget))])
    run = {"dataset": "primitives3d", "protocol": "2-2-2", "method": method, "label": label}
    names = {**run, "budget": budget, "seed": seed}
    rows: list[dict[str, object]] = []

    def add(step: int, test_set: str, metric: str, value: float, task: str = "", class_name: str = "") -> None:
        found = {"step": step, "test_set": test_set, "task": task, "class_name": class_name, "metric": metric}
        rows.append({**names, **found, "value": value, "count": 40})

    images = 0 if budget == "none" else int(budget.split("-")[1])
    curve = []
    for step in range(steps):
        for test_set in TEST_SETS if step == steps - 1 else ["clean"]:
            drop = 0.1 * TEST_SETS.index(test_set) + 0.06 * step
            accuracy = max(0.05, level - drop + generator.normal(0, 0.01))
            curve += [accuracy] if test_set == "clean" else []
            add(step, test_set, "accuracy", accuracy)
            if method != "finetune":
                add(step, test_set, "pose_accuracy_pi6", accuracy * 0.8)
                add(step, test_set, "pose_accuracy_pi18", accuracy * 0.4)
            for task in range(step + 1):
                add(step, test_set, "accuracy", accuracy - 0.1 * (step - task), task=str(task))
            for name in CLASSES[: 2 * (step + 1)]:
                add(step, test_set, "accuracy", accuracy, class_name=name)
        for ledger, size in (("paper", 3.0e6), ("deploy", 3.2e6), ("carry", 3.3e6), ("peak", 9.9e6)):
            add(step, "", f"{ledger}_bytes", size + 27648 * images)
        add(step, "", "exemplars", images)
    add(steps - 1, "clean", "average_incremental_accuracy", float(numpy.mean(curve)))
    add(steps - 1, "clean", "last_accuracy", curve[-1])
    if steps > 1:
        add(steps - 1, "clean", "forgetting_before_last", curve[0] - curve[-1] + 0.1)
    return rows


@pytest.fixture(scope="session")
def scores_of() -> Callable[..., pd.DataFrame]:
    """Scores of several runs, each given as the arguments of `run_rows`."""

    def build(*runs: tuple[str, str, int] | tuple[str, str, int, int]) -> pd.DataFrame:
        return pd.DataFrame([row for run in runs for row in run_rows(*run)], columns=COLUMNS)

    return build


@pytest.fixture
def scores(scores_of: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Three methods, two seeds each."""
    runs = (("inemo", "total-96"), ("icarl", "total-96"), ("finetune", "none"))
    return scores_of(*((method, budget, seed) for method, budget in runs for seed in (0, 1)))


@pytest.fixture
def sweep(scores_of: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Two methods, three budgets, one seed."""
    return scores_of(*((method, f"total-{n}", 0) for method in ("inemo", "icarl") for n in (96, 24, 48)))
