"""What does not go together: budgets and methods, orders and classes."""

import shutil
from pathlib import Path

import pytest

from meshcil.config.budget import parse_budget
from meshcil.config.run import RunConfig, RunKey, load_dataset
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.core.naming import available
from meshcil.protocols import order_classes
from meshcil.stages.resolve import check_replay, resolve_run
from tests.methods.factory import settings

METHODS = available("meshcil.methods")


@pytest.mark.parametrize("kind", METHODS)
def test_budget_and_method_must_fit_each_other(kind: str) -> None:
    method = settings(kind)
    if method.replay == "required":
        with pytest.raises(InputError, match=f"budget none: does not suit {kind}, which needs exemplars.*total-96"):
            check_replay(method, parse_budget("none"))
    else:
        check_replay(method, parse_budget("none"))
    for budget in map(parse_budget, ("total-96", "per-class-5", "bytes-1000000", "paper-bytes-1000000")):
        if method.replay == "never":
            with pytest.raises(InputError, match=f"{budget.name}: does not suit {method.label}.*Use none"):
                check_replay(method, budget)
        else:
            check_replay(method, budget)


def test_a_variant_without_exemplars_has_no_budget() -> None:
    method = "inemo-pretrained-study-no-replay"
    names = {"dataset": "primitives3d-study", "protocol": "3-3-3-3", "method": method, "seed": 0}
    config = repository_root() / "config"
    assert resolve_run(RunKey(**names, budget="none"), config).method.exemplars == "none"
    with pytest.raises(InputError, match=r"budget total-48: does not suit .*, which keeps no exemplars"):
        resolve_run(RunKey(**names, budget="total-48"), config)


def test_a_budget_of_nothing_is_spelt_none() -> None:
    for name in ("total-0", "per-class-0", "bytes-0"):
        with pytest.raises(InputError, match="Write none, total-<images>"):
            parse_budget(name)


def stated(config: Path, order: str, seed: int = 0) -> RunConfig:
    """A run of four classes whose protocol has this order, two classes per step."""
    for name in ("datasets", "methods", "recipes"):
        shutil.copytree(repository_root() / "config" / name, config / name)
    (config / "protocols").mkdir(exist_ok=True)
    (config / "protocols/stated.yaml").write_text(f"{{description: Stated., base: 2, increment: 2, order: {order}}}\n")
    key = RunKey(dataset="primitives3d-tiny", protocol="stated", method="icarl", budget="total-16", seed=seed)
    return resolve_run(key, config)


def test_a_protocol_may_name_the_classes_in_order_of_arrival(tmp_path: Path) -> None:
    run = stated(tmp_path, "[chair, aeroplane, car, bottle]")
    assert run.steps == (("chair", "aeroplane"), ("car", "bottle"))
    assert RunConfig.model_validate_json(run.model_dump_json()) == run


def test_each_training_seed_may_have_an_order_of_its_own(tmp_path: Path) -> None:
    classes = load_dataset("primitives3d-tiny", repository_root() / "config").classes
    orders = {stated(tmp_path / str(seed), "run", seed).classes for seed in range(4)}
    assert len(orders) > 1 and {frozenset(order) for order in orders} == {frozenset(classes)}
    assert stated(tmp_path / "again", "run", 3).classes == order_classes(classes, "seed", 3)


def test_each_training_seed_may_be_asked_about_images_of_its_own(tmp_path: Path) -> None:
    names = ["car", "boat", "car", "car", "boat", "car", "boat"]
    asked = []
    for seed in range(3):
        run = stated(tmp_path / str(seed), "dataset", seed)
        assert run.asked(names) == list(range(7))
        asked.append(run.model_copy(update={"dataset": run.dataset.model_copy(update={"test_parts": 3})}).asked(names))
    assert asked == [[0, 1, 5], [2, 4], [3, 6]]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (
            "[chair, aeroplane, car, boat]",
            r"protocol stated on primitives3d-tiny: .*missing \['bottle'\], unknown \['boat'",
        ),
        ("[chair, aeroplane, car, bottle, car]", r"missing \[\], unknown \[\], repeated \['car'\]"),
        ("[chair]", r"missing \['aeroplane', 'bottle', 'car'\]"),
        ("[1, 2, 3, 4]", r"stated.yaml: .*`order\.tuple.*1 is not text"),
        ("alphabetical", r"stated.yaml: .*`order.*'dataset', 'seed' or 'run'"),
    ],
)
def test_an_order_that_is_none_of_the_classes_is_refused(tmp_path: Path, order: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stated(tmp_path, order)
