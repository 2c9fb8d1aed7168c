import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcil.config.budget import Budget, exemplars_for_budget, parse_budget
from meshcil.core.errors import InputError

amounts = st.integers(1, 10**9)


@given(kind=st.sampled_from(["total", "per-class", "bytes"]), amount=amounts)
def test_names_are_read_back(kind, amount):
    budget = parse_budget(f"{kind}-{amount}")
    assert (budget.kind, budget.amount, budget.name) == (kind, amount, f"{kind}-{amount}")


def test_none_keeps_nothing():
    assert parse_budget("none").name == "none"
    assert parse_budget("none").per_class(5) == 0


@pytest.mark.parametrize("name", ["", "96", "total", "total-0", "total--1", "total-096", "per_class-20", "Total-96"])
def test_other_names_are_refused_with_the_remedy(name):
    with pytest.raises(InputError, match=r"is not a budget.*total-<images>"):
        parse_budget(name)


@given(amount=amounts, seen=st.integers(1, 1000))
def test_total_is_used_up_to_less_than_one_image_per_class(amount, seen):
    budget = Budget("total", amount)
    if amount < seen:
        with pytest.raises(InputError, match=f"total-{seen} "):
            budget.per_class(seen)
        assert Budget("total", seen).per_class(seen) == 1
    else:
        assert 0 <= amount - seen * budget.per_class(seen) < seen


@given(amount=amounts, seen=st.integers(1, 100), fixed=st.integers(0, 10**6), exemplar=st.integers(1, 10**4))
def test_bytes_hold_model_and_exemplars(amount, seen, fixed, exemplar):
    budget = Budget("bytes", amount)
    needed = fixed + seen * exemplar
    if amount < needed:
        with pytest.raises(InputError, match=f"bytes-{needed} "):
            budget.per_class(seen, fixed_bytes=fixed, exemplar_bytes=exemplar)
        assert Budget("bytes", needed).per_class(seen, fixed_bytes=fixed, exemplar_bytes=exemplar) == 1
    else:
        quota = budget.per_class(seen, fixed_bytes=fixed, exemplar_bytes=exemplar)
        assert fixed + quota * seen * exemplar <= amount < fixed + (quota + 1) * seen * exemplar


def test_per_class_does_not_depend_on_the_number_of_classes():
    assert [Budget("per-class", 20).per_class(n) for n in (1, 12, 100)] == [20, 20, 20]


def test_solver_errors_name_what_is_needed():
    with pytest.raises(InputError, match="Use 200 bytes or more, 230 for one"):
        exemplars_for_budget(100, 200, 30)
    with pytest.raises(ValueError, match="exemplar_bytes"):
        exemplars_for_budget(100, 0, 0)
    with pytest.raises(ValueError, match="fixed_bytes"):
        exemplars_for_budget(100, -1, 10)
    with pytest.raises(ValueError, match="seen_classes"):
        Budget("total", 5).per_class(0)
