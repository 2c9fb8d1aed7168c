"""MEMO: what is shared, what each step has for itself."""

import pytest
import torch

from meshcil.core.errors import InputError
from meshcil.core.naming import load_object
from meshcil.methods.base.method import Method
from tests.methods.factory import facts, settings


def build(**changes: object) -> Method:
    block = settings("memo").model_copy(update=changes)
    return load_object("meshcil.methods", "memo", "Learner")(block, facts((1, 1, 1)), torch.device("cpu"))


def test_more_specialised_stages_make_later_steps_dearer() -> None:
    later = []
    for specialised in (1, 2, 3):
        method = build(specialised=specialised)
        method.begin_step(0)
        first = sum(p.numel() for p in method.network.backbone.parameters())
        method.begin_step(1)
        later.append(sum(p.numel() for p in method.network.backbone.parameters()) - first)
    assert 0 < later[0] < later[1] < later[2] < first


@pytest.mark.parametrize("trainable", [True, False])
def test_the_shared_part_trains_on_only_if_told_to(trainable: bool) -> None:
    method = build(train_generalised=trainable)
    for step in range(3):
        method.begin_step(step)
    chosen = {id(p) for p in method.phases()[0].parameters}
    backbone = method.network.backbone
    assert all((id(p) in chosen) == trainable for p in backbone.shared.parameters())
    assert [all(id(p) in chosen for p in part.parameters()) for part in backbone.parts] == [False, False, True]
    assert all(id(p) in chosen for p in method.network.head.parameters())


@pytest.mark.parametrize("trainable", [True, False])
def test_earlier_specialised_parts_train_on_only_if_told_to(trainable: bool) -> None:
    method = build(train_specialised=trainable)
    for step in range(3):
        method.begin_step(step)
    chosen = {id(p) for p in method.phases()[0].parameters}
    method.network.train()
    for part in method.network.backbone.parts[:-1]:
        assert part.training == trainable and all((id(p) in chosen) == trainable for p in part.parameters())
    method.network.eval()
    assert not any(part.training for part in method.network.backbone.parts)


def test_too_many_stages_are_a_clear_error() -> None:
    with pytest.raises(InputError, match="specialised: stages must be from 1 to 3 for ResNet10, got 4"):
        build(specialised=4)
