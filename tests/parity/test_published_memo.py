"""MEMO's published tables beside ours: rows, columns, means, and the budgets of the experiments they belong to."""

from pathlib import Path

import pytest
import yaml

from meshcil.config.budget import exemplars_for_budget, parse_budget
from meshcil.config.experiment import load_experiment, run_keys
from meshcil.stages.resolve import resolve_run
from meshcil.training.planning import exemplar_size, ledgers_of, smallest_bytes
from tests.methods.factory import CONFIG

EXPERIMENTS = ("memo-cifar100-b0-5", "memo-cifar100-b0-10", "memo-cifar100-b50-10", "memo-imagenet100-b50-5")
STEPS = {"memo-cifar100-b0-5": 20, "memo-cifar100-b0-10": 10, "memo-cifar100-b50-10": 6}


def published(table: str) -> dict[str, dict[str, float]]:
    return yaml.safe_load((CONFIG / "published" / f"{table}.yaml").read_text())["values"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_published_row_is_a_method_of_its_experiment(name: str) -> None:
    experiment = load_experiment(name, CONFIG)
    methods = {key.method for key in run_keys(experiment)}
    tables = {table.name for table in experiment.tables}
    files = [path.stem for path in (CONFIG / "published").glob(f"{name}-*.yaml")]
    assert files and set(files) <= tables
    for table in files:
        assert len(published(table)) == 5 and set(published(table)) <= methods


@pytest.mark.parametrize("name", STEPS)
def test_published_averages_are_means_of_the_published_steps(name: str) -> None:
    """To a hundredth where rounded or cut off; iCaRL's, DER's and others' rows of tables 14 to 18 agree likewise."""
    [run] = {tuple(resolve_run(key, CONFIG).steps) for key in list(run_keys(load_experiment(name, CONFIG)))[:1]}
    assert len(run) == STEPS[name]
    seen = [sum(len(step) for step in run[: k + 1]) for k in range(len(run))]
    for method, values in published(f"{name}-steps").items():
        assert list(values) == [f"{count} classes" for count in seen]
        summary = published(f"{name}-summary")[method]
        assert sum(values.values()) / len(values) == pytest.approx(summary["average"], abs=0.011)
        assert list(values.values())[-1] == summary["last"]


def test_budgets_are_those_of_der_with_two_thousand_exemplars() -> None:
    for name, tasks in STEPS.items():
        [budget] = {key.budget for key in run_keys(load_experiment(name, CONFIG)) if key.method == "der-cifar"}
        assert parse_budget(budget).amount == tasks * 463_504 * 4 + 2000 * 3072
    [budget] = {key.budget for key in run_keys(load_experiment("memo-imagenet100-b50-5", CONFIG))}
    assert parse_budget(budget).amount == 11 * 11_176_512 * 4 + 2000 * 150_528


# Experiment -> for each of its budgets, rising: exemplars of DER, of MEMO, and of methods with a single network.
EXEMPLARS = {
    "memo-cifar100-b0-5": [(2000, 4771, 13466)],
    "memo-cifar100-b50-10": [(2000, 2729, 5017)],
    "memo-cifar100-b0-10": [
        (2096, 2118, 2000),
        (2000, 2495, 3634),
        (2000, 2768, 4900),
        (2000, 3040, 6165),
        (2000, 3312, 7431),
    ],
}


@pytest.mark.parametrize("name", EXEMPLARS)
def test_every_method_of_an_experiment_gets_the_published_number_of_exemplars(name: str) -> None:
    """Counted from the networks that the configured methods build."""
    keys = list(run_keys(load_experiment(name, CONFIG)))
    amounts = sorted({parse_budget(key.budget).amount for key in keys})
    assert len(amounts) == len(EXEMPLARS[name]) and len(keys) == 5 * len(amounts)
    for key in keys:
        run, budget = resolve_run(key, CONFIG), parse_budget(key.budget)
        assert smallest_bytes(run, Path("nowhere")) < budget.amount
        held = ledgers_of(run, Path("nowhere"))[-1].total("paper")
        column = {"der": 0, "memo": 1}.get(run.method.kind, 2)
        expected = EXEMPLARS[name][amounts.index(budget.amount)][column]
        assert exemplars_for_budget(budget.amount, held, exemplar_size(run, "paper")) == expected, key
