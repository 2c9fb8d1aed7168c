"""Published values that no table shows yet are known by name; all others stand in the row of a configured method."""

import pytest
import yaml

from meshcil.config.budget import exemplars_for_budget, parse_budget
from meshcil.config.experiment import ExperimentSettings, load_experiment, run_keys
from meshcil.config.variants import method_names
from meshcil.stages.resolve import resolve_run
from meshcil.training.planning import exemplar_size, ledgers_of
from tests.methods.factory import CONFIG

WITHOUT_TABLE = {"memo-imagenet1000-b0-100-summary"}
WITHOUT_METHOD = {f"{name}-cifar" for name in ("coil", "foster", "gem")} | {
    f"{name}-imagenet" for name in ("coil", "foster", "podnet")
}
WITHOUT_METHOD |= {"der-imagenet-50", "memo-imagenet-50"}


def shown_by(table: str, experiment: ExperimentSettings) -> set[str]:
    """Methods and studies that a table of an experiment has rows for."""
    [select] = [entry.select for entry in experiment.tables if entry.name == table]
    found = {name for block in experiment.studies for name in block.names}
    for key in run_keys(experiment):
        if all(str(getattr(key, column)) in map(str, allowed) for column, allowed in select.items()):
            found.add(key.method)
    return found


def test_every_published_row_is_shown_or_known_not_to_be() -> None:
    experiments = [load_experiment(path.stem, CONFIG) for path in (CONFIG / "experiments").glob("*.yaml")]
    tables = {table.name: experiment for experiment in experiments for table in experiment.tables}
    files = {path.stem: yaml.safe_load(path.read_text())["values"] for path in (CONFIG / "published").glob("*.yaml")}
    assert set(files) - set(tables) == WITHOUT_TABLE
    hidden = {row for name in set(files) & set(tables) for row in set(files[name]) - shown_by(name, tables[name])}
    assert hidden == WITHOUT_METHOD
    assert not hidden & set(method_names(CONFIG))


@pytest.mark.parametrize("protocol", ["b0-5", "b0-10"])
def test_the_benchmark_gives_every_method_with_exemplars_two_thousand(protocol: str) -> None:
    keys = [key for key in run_keys(load_experiment("memo-cifar100-unaligned", CONFIG)) if key.protocol == protocol]
    assert len({key.method for key in keys}) == len(keys) == 10
    for key in keys:
        run, budget = resolve_run(key, CONFIG), parse_budget(key.budget)
        images = budget.amount
        if budget.in_bytes:
            held = ledgers_of(run)[-1].total(budget.count)
            images = exemplars_for_budget(budget.amount, held, exemplar_size(run, budget.count))
        assert images == (0 if key.method in ("finetune-cifar", "lwf-cifar") else 2000), key


def test_points_of_the_imagenet_curve_give_one_network_the_published_exemplars() -> None:
    found = set()
    for key in run_keys(load_experiment("memo-imagenet100-sweep", CONFIG)):
        amount, run = parse_budget(key.budget).amount, resolve_run(key, CONFIG)
        held = ledgers_of(run)[-1].total("paper")
        found.add((key.method, exemplars_for_budget(amount, held, exemplar_size(run, "paper"))))
    methods = ("replay-imagenet", "icarl-imagenet", "wa-imagenet", "bic-imagenet")
    assert found == {(method, n) for method in methods for n in (2000, 3136, 4969, 5779, 7924, 8574)}
