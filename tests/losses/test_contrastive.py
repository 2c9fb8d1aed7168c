import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from meshcil.losses import vertex_contrastive


def dense(features, target, bank, valid, background, *, kappa, background_weight, excluded=None):
    """The whole logit matrix at once, by autograd."""
    rows, vertices = len(features), bank.shape[1]
    logits = kappa * features @ bank.flatten(0, 1).T
    ignored = (~valid).flatten().expand(rows, -1).clone()
    if excluded is not None:
        own = ignored.view(rows, -1, vertices)
        index = torch.arange(rows), target // vertices
        own[index] |= excluded
    ignored[torch.arange(rows), target] = False
    terms = [logits.masked_fill(ignored, -torch.inf)]
    if background is not None and background_weight > 0:
        terms.append(kappa * features @ background.T + math.log(background_weight))
    return torch.nn.functional.cross_entropy(torch.cat(terms, 1), target)


def problem(seed: int, rows: int, classes: int, vertices: int, dim: int, dtype=torch.float64) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def unit(*shape: int) -> Tensor:
        return normalize(torch.randn(*shape, generator=generator, dtype=dtype), dim=-1)

    valid = torch.rand(classes, vertices, generator=generator) < 0.8
    valid[0, 0] = True
    if classes > 1:
        valid[-1] = False
    candidates = valid.flatten().nonzero()[:, 0]
    target = candidates[torch.randint(len(candidates), (rows,), generator=generator)]
    return {
        "features": unit(rows, dim),
        "target": target,
        "bank": unit(classes, vertices, dim),
        "valid": valid,
        "background": unit(7, dim),
        "excluded": torch.rand(rows, vertices, generator=generator) < 0.3,
    }


def loss_and_gradient(function, data: dict[str, Tensor], **settings) -> tuple[Tensor, Tensor]:
    features = data["features"].clone().requires_grad_()
    rest = {name: value for name, value in data.items() if name != "features"}
    loss = function(features, **rest, **settings)
    (3 * loss).backward()
    return loss.detach(), features.grad


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 20),
    classes=st.integers(1, 6),
    vertices=st.integers(1, 9),
    block_bytes=st.sampled_from([1, 100, 300, 700, 2_000, 2**23]),
    background_weight=st.sampled_from([0.0, 5e-3, 2.0]),
    kappa=st.sampled_from([0.5, 1 / 0.07, 2_000.0]),
)
def test_equals_the_dense_form_in_any_blocking(seed, rows, classes, vertices, block_bytes, background_weight, kappa):
    data = problem(seed, rows, classes, vertices, 5)
    settings = {"kappa": kappa, "background_weight": background_weight}
    expected, expected_gradient = loss_and_gradient(dense, data, **settings)
    loss, gradient = loss_and_gradient(vertex_contrastive, data, block_bytes=block_bytes, **settings)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("missing", ["excluded", "background"])
def test_single_precision_and_optional_inputs(missing):
    data = problem(3, 200, 8, 50, 32, torch.float32)
    data[missing] = None
    settings = {"kappa": 1 / 0.07, "background_weight": 5e-3}
    expected, expected_gradient = loss_and_gradient(dense, data, **settings)
    loss, gradient = loss_and_gradient(vertex_contrastive, data, block_bytes=200 * 50 * 4 * 3, **settings)
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient, expected_gradient, rtol=0, atol=1e-5)


def test_vertices_of_other_classes_are_never_excluded():
    data = problem(5, 30, 3, 8, 6)
    data["valid"][:] = True
    data["excluded"][:] = True
    far_fewer = loss_and_gradient(vertex_contrastive, data, kappa=2.0, background_weight=0.0)[0]
    own = data["bank"].flatten(0, 1)[data["target"]]
    label = torch.arange(3).repeat_interleave(8)
    other = label != (data["target"] // 8)[:, None]
    logits = 2 * data["features"] @ data["bank"].flatten(0, 1).T
    positive = 2 * (data["features"] * own).sum(1)
    rest = torch.where(other, logits.exp(), 0).sum(1)
    torch.testing.assert_close(far_fewer, (torch.log(positive.exp() + rest) - positive).mean())


def test_no_visible_vertex_gives_zero_with_a_gradient():
    data = problem(0, 4, 2, 3, 5)
    features = data["features"][:0].requires_grad_()
    loss = vertex_contrastive(
        features, data["target"][:0], data["bank"], data["valid"], None, kappa=1.0, background_weight=0.0
    )
    loss.backward()
    assert loss.item() == 0 and features.grad.shape == (0, 5)


def test_a_bank_that_asks_for_gradients_gets_none():
    data = problem(2, 6, 2, 4, 5)
    constants = {name: data[name].requires_grad_() for name in ("bank", "background")}
    settings = {"kappa": 2.0, "background_weight": 0.5}
    assert not vertex_contrastive(**data, **settings).requires_grad
    loss_and_gradient(vertex_contrastive, data, **settings)
    assert all(constant.grad is None for constant in constants.values())


def test_half_precision_features_are_compared_in_the_precision_of_the_bank():
    data = problem(1, 40, 3, 8, 16, torch.float32)
    settings = {"kappa": 1 / 0.07, "background_weight": 5e-3}
    rounded = data | {"features": data["features"].bfloat16().float()}
    expected = loss_and_gradient(dense, rounded, **settings)[0]
    half = data | {"features": data["features"].bfloat16()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, gradient = loss_and_gradient(vertex_contrastive, half, **settings)
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"kappa": 0.0}, "kappa"), ({"background_weight": -1.0}, "background_weight"), ({"target": 99}, "target")],
)
def test_bad_arguments_are_named(change, message):
    data = problem(0, 4, 2, 3, 5)
    arguments = data | {"kappa": 1.0, "background_weight": 0.1} | change
    if "target" in change:
        arguments["target"] = torch.full((4,), change["target"])
    with pytest.raises(ValueError, match=message):
        vertex_contrastive(**arguments)


def test_a_padded_target_is_refused():
    data = problem(0, 4, 2, 3, 5)
    data["valid"].flatten()[data["target"][0]] = False
    with pytest.raises(ValueError, match="valid"):
        vertex_contrastive(**data, kappa=1.0, background_weight=0.1)


class LargestTensor(TorchDispatchMode):
    """Remembers the largest tensor that any operation returns."""

    numel = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for part in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(part, Tensor):
                self.numel = max(self.numel, part.numel())
        return result


def test_no_tensor_of_the_size_of_all_logits_is_made():
    data = problem(2, rows=300, classes=40, vertices=50, dim=4, dtype=torch.float32)
    settings = {"kappa": 1 / 0.07, "background_weight": 5e-3}
    logits, block = 300 * 40 * 50, 300 * 2 * 50
    with LargestTensor() as whole:
        loss_and_gradient(dense, data, **settings)
    with LargestTensor() as blocks:
        loss_and_gradient(vertex_contrastive, data, block_bytes=4 * block, **settings)
    assert blocks.numel <= block < logits <= whole.numel


def test_rows_are_cut_where_the_logits_of_one_class_are_too_many():
    data = problem(2, rows=300, classes=40, vertices=50, dim=4, dtype=torch.float32)
    one_class, block = 300 * 50, 200 * 50
    with LargestTensor() as blocks:
        loss_and_gradient(vertex_contrastive, data, kappa=2.0, background_weight=0.0, block_bytes=4 * block)
    assert blocks.numel <= block < one_class
