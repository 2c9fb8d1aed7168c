"""Exemplars of classes that have fewer images than their quota, and what the ledger then counts."""

import csv
from pathlib import Path

import pytest
import torch

from meshcil.config.run import RunConfig, RunKey
from meshcil.memory.ledger import Ledger
from meshcil.memory.store import ExemplarStore
from meshcil.stages.resolve import resolve_run
from meshcil.stages.select import rank_classes, write_ledger
from meshcil.training.planning import quota
from meshcil.training.setup import build_method, exemplar_pool, load_pool
from tests.methods.factory import CONFIG
from tests.stages.conftest import write_training_images

IMAGES = {"aeroplane": 3, "bottle": 9, "car": 1, "chair": 6}
BUDGETS = ("per-class-4", "per-class-100", "total-16", "total-1000", "bytes-1000000", "paper-bytes-1000000", "none")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset with unequally many images of each class."""
    return write_training_images(tmp_path_factory.mktemp("data"), IMAGES)


def resolved(method: str, budget: str) -> RunConfig:
    key = RunKey(dataset="primitives3d-tiny", protocol="2-2", method=method, budget="total-16", seed=0)
    run = resolve_run(key, CONFIG)
    return run.model_copy(update={"key": run.key.model_copy(update={"budget": budget})})


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("kind", ["icarl-smoke", "inemo-smoke"])
def test_a_class_gives_its_quota_or_all_it_has_and_the_ledger_counts_what_is_there(
    kind: str, budget: str, data: Path, tmp_path: Path
) -> None:
    run = resolved(kind, budget)
    method = build_method(run, data, torch.device("cpu"))
    store = ExemplarStore()
    for step, names in enumerate(run.steps):
        method.begin_step(step)
        held = Ledger(tuple(method.ledger_rows()))
        per_class = quota(run, step, held)
        pool = load_pool(run, data / "train.parquet", names)
        ranked = rank_classes(run, method, pool, step, per_class)
        store = method.update_exemplars(store, ranked, per_class)
        kept = {name: len(ids) for name, ids in store.classes}
        assert kept == {name: min(per_class, IMAGES[name]) for name in run.seen(step)}
        write_ledger(tmp_path / "ledger.csv", run, list(held.rows), len(store))
        with (tmp_path / "ledger.csv").open(newline="") as stream:
            rows = {row["name"]: row for row in csv.DictReader(stream)}
        stored = exemplar_pool(run, data, dict(store.classes)).images
        assert int(rows["exemplar pixels"]["bytes"]) == stored.numel() * stored.element_size()
        assert {int(row["exemplars"]) for row in rows.values()} == {len(stored)}
        carried = sum(int(row["bytes"]) for row in rows.values() if row["carry"] == "True")
        assert not budget.startswith("bytes") or carried <= 1_000_000
