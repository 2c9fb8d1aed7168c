"""What does not go together: budgets and methods, orders and classes."""

import shutil
from pathlib import Path

import pytest

from meshcil.config.run import RunConfig, RunKey
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.core.naming import available
from meshcil.memory.budget import parse_budget
from meshcil.stages.resolve import check_replay, resolve_run
from tests.methods.factory import settings

METHODS = available("meshcil.methods")


@pytest.mark.parametrize("kind", METHODS)
def test_budget_and_method_must_fit_each_other(kind: str) -> None:
    method = settings(kind)
    if method.replay == "required":
        with pytest.raises(InputError, match=f"budget none: is too little for {kind}, which needs exemplars.*total-96"):
            check_replay(method, parse_budget("none"))
    else:
        check_replay(method, parse_budget("none"))
    for budget in map(parse_budget, ("total-96", "per-class-5", "bytes-1000000", "paper-bytes-1000000")):
        if method.replay == "never":
            with pytest.raises(InputError, match=f"{budget.name}: is of no use to {method.label}.*Use none"):
                check_replay(method, budget)
        else:
            check_replay(method, budget)


@pytest.mark.parametrize("variant", ["no-replay", "finetune", "joint"])
def test_a_variant_without_exemplars_has_no_budget(variant: str) -> None:
    names = {"dataset": "primitives3d-study", "protocol": "3-3-3-3", "method": f"inemo-study-{variant}", "seed": 0}
    config = repository_root() / "config"
    assert resolve_run(RunKey(**names, budget="none"), config).method.exemplars == "none"
    with pytest.raises(InputError, match=r"budget total-48: is of no use to .*, which keeps no exemplars"):
        resolve_run(RunKey(**names, budget="total-48"), config)


def test_a_budget_of_nothing_is_spelt_none() -> None:
    for name in ("total-0", "per-class-0", "bytes-0"):
        with pytest.raises(InputError, match="Write none, total-<images>"):
            parse_budget(name)


def stated(config: Path, order: str) -> RunConfig:
    """A run of four classes whose protocol has this order, two classes per step."""
    for name in ("datasets", "methods", "recipes"):
        shutil.copytree(repository_root() / "config" / name, config / name)
    (config / "protocols").mkdir(exist_ok=True)
    (config / "protocols/stated.yaml").write_text(f"{{description: Stated., base: 2, increment: 2, order: {order}}}\n")
    key = RunKey(dataset="primitives3d-tiny", protocol="stated", method="icarl", budget="total-16", seed=0)
    return resolve_run(key, config)


def test_a_protocol_may_name_the_classes_in_order_of_arrival(tmp_path: Path) -> None:
    run = stated(tmp_path, "[chair, aeroplane, car, bottle]")
    assert run.steps == (("chair", "aeroplane"), ("car", "bottle"))
    assert RunConfig.model_validate_json(run.model_dump_json()) == run


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
        ("alphabetical", r"stated.yaml: .*`order.*'dataset' or 'seed'"),
    ],
)
def test_an_order_that_is_none_of_the_classes_is_refused(tmp_path: Path, order: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stated(tmp_path, order)
