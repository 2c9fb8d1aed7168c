"""Budgets that a method cannot use, and methods that cannot do without one."""

import pytest

from meshcil.core.errors import InputError
from meshcil.core.naming import available
from meshcil.memory.budget import parse_budget
from meshcil.stages.resolve import check_replay
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
            with pytest.raises(InputError, match=f"{budget.name}: is of no use to {kind}.*Use none"):
                check_replay(method, budget)
        else:
            check_replay(method, budget)


def test_a_budget_of_nothing_is_spelt_none() -> None:
    for name in ("total-0", "per-class-0", "bytes-0"):
        with pytest.raises(InputError, match="Write none, total-<images>"):
            parse_budget(name)
