import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshcil.config.budget import Budget
from meshcil.memory.selection import select
from meshcil.memory.store import ExemplarStore

steps = st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=4), min_size=1, max_size=5)


@given(steps=steps, budget=st.integers(20, 200), strategy=st.sampled_from(["random", "pose-aware"]))
def test_total_never_exceeds_the_budget_and_old_exemplars_only_shrink(steps, budget, strategy):
    store, number = ExemplarStore(), 0
    for sizes in steps:
        per_class = Budget("total", budget).per_class(number + len(sizes))
        ranked = {}
        for size in sizes:
            chosen = select(strategy, per_class, azimuth=[0.37 * i for i in range(size)])
            ranked[f"class{number}"] = [f"class{number}/{i}" for i in chosen]
            number += 1
        before, store = store, store.update(ranked, per_class)
        assert len(store) == len(set(store.ids)) <= budget
        assert [name for name, _ in store.classes] == [f"class{i}" for i in range(number)]
        for (name, old), (kept_name, kept) in zip(before.classes, store.classes, strict=False):
            assert name == kept_name
            assert kept == old[: min(len(old), per_class)]
        assert ExemplarStore.of(dict(store.classes)) == store


def test_a_class_or_an_id_cannot_arrive_twice():
    store = ExemplarStore().update({"car": ["a", "b"]}, 2)
    with pytest.raises(ValueError, match="car"):
        store.update({"car": ["c"]}, 2)
    with pytest.raises(ValueError, match="twice"):
        store.update({"bus": ["a"]}, 2)
    with pytest.raises(ValueError, match="count"):
        store.update({}, -1)
