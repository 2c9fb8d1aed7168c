"""Loading by name and generators by purpose."""

import pytest
import torch

from meshcil.core.errors import InputError
from meshcil.core.naming import available, known_names, load_object, module_name
from meshcil.core.seeding import derive_seed, torch_generator


def test_names_with_hyphens_are_modules_with_underscores() -> None:
    assert module_name("meshcil.inference", "start-search") == "meshcil.inference.start_search"
    assert load_object("meshcil.memory", "store", "ExemplarStore")().ids == ()


@pytest.mark.parametrize("name", ["unknown", "../store", "", "store.x"])
def test_unknown_names_list_what_there_is(name: str) -> None:
    with pytest.raises(InputError, match=r"Known: .*store"):
        load_object("meshcil.memory", name, "ExemplarStore")


def test_the_nearest_of_the_known_names_comes_first() -> None:
    assert known_names("laptob", ["inemo", "laptop"]) == "Did you mean `laptop`? Known: inemo, laptop"
    assert known_names("x", ["inemo", "laptop"], "Rows") == "Rows: inemo, laptop"
    assert known_names("x", []) == "Known: none"
    with pytest.raises(InputError, match=r"Did you mean `store`\? Known: "):
        load_object("meshcil.memory", "stor", "ExemplarStore")


def test_base_is_no_method() -> None:
    assert {"finetune", "icarl", "inemo", "joint"} <= set(available("meshcil.methods"))
    assert "base" not in available("meshcil.methods")


def test_purposes_are_independent_and_repeatable() -> None:
    assert derive_seed(0, "a", 1) == derive_seed(0, "a", 1)
    assert len({derive_seed(s, p, k) for s in (0, 1) for p in ("a", "b") for k in (0, 1)}) == 8
    first, second = (torch.rand(4, generator=torch_generator(3, "x")) for _ in range(2))
    assert torch.equal(first, second)
    other = torch_generator(3, "y")
    assert not torch.equal(first, torch.rand(4, generator=other))
