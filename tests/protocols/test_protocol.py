import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcil.core.errors import InputError
from meshcil.protocols import class_incremental, legacy_permutation, order_classes, step_sizes

NAMES = tuple("abcdefghij")


@given(classes=st.integers(1, 200), base=st.integers(0, 200), increment=st.integers(1, 200))
def test_steps_cover_all_classes_once(classes, base, increment):
    first = base or increment
    if first > classes:
        with pytest.raises(InputError, match=f"there are {classes}"):
            step_sizes(classes, base, increment)
        return
    sizes = step_sizes(classes, base, increment)
    assert sum(sizes) == classes and sizes[0] == first
    assert all(size == increment for size in sizes[1:-1])
    assert len(sizes) == 1 or 1 <= sizes[-1] <= increment


@pytest.mark.parametrize(("classes", "base", "increment"), [(10, -1, 2), (10, 2, 0), (0, 0, 1)])
def test_impossible_numbers(classes, base, increment):
    with pytest.raises(InputError, match="not a split"):
        step_sizes(classes, base, increment)


@given(base=st.integers(0, 8), increment=st.integers(1, 8), limit=st.integers(8, 10), seed=st.integers(0, 99))
def test_groups_hold_the_chosen_classes_in_order_each_once(base, increment, limit, seed):
    groups = class_incremental(NAMES, base, increment, order="seed", order_seed=seed, limit=limit)
    assert list(map(len, groups)) == list(step_sizes(limit, base, increment))
    arrived = tuple(name for group in groups for name in group)
    assert len(set(arrived)) == limit
    assert arrived == order_classes(NAMES, "seed", seed)[:limit]


def test_orders():
    assert order_classes(NAMES) == NAMES
    assert order_classes(NAMES, NAMES[::-1]) == NAMES[::-1]
    assert order_classes(NAMES, "seed", 7) == tuple(NAMES[k] for k in legacy_permutation(10, 7))
    assert order_classes(NAMES, "seed", 7) != order_classes(NAMES, "seed", 8)


@pytest.mark.parametrize(
    ("order", "message"),
    [("random", "unknown"), (list("abcdefghik"), r"missing \['j'\].*'k'"), (list("abcdefghijj"), r"repeated \['j'\]")],
)
def test_other_orders_are_refused(order, message):
    with pytest.raises(InputError, match=message):
        order_classes(NAMES, order)


def test_too_many_classes_are_refused():
    with pytest.raises(InputError, match="asks for 11 of 10"):
        class_incremental(NAMES, 2, 2, limit=11)
