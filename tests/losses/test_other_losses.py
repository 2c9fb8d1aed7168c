import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import kl_div, normalize

from meshcil.losses import noise, positional, soft_target_cross_entropy, vertex_distillation


def unit(generator, *shape):
    return normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


@given(
    seed=st.integers(0, 1000),
    rows=st.integers(1, 12),
    block_bytes=st.sampled_from([1, 100, 300, 2**23]),
    kappa=st.sampled_from([0.5, 20.0]),
)
def test_vertex_distillation_is_the_dense_divergence(seed, rows, block_bytes, kappa):
    generator = torch.Generator().manual_seed(seed)
    bank, teacher = unit(generator, 4, 5, 6), unit(generator, rows, 6)
    valid = torch.rand(4, 5, generator=generator) < 0.7
    valid[1, 2] = True
    ours = unit(generator, rows, 6).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    loss = vertex_distillation(ours, teacher, bank, valid, kappa=kappa, block_bytes=block_bytes)
    new, old = (kappa * x @ bank[valid].T for x in (theirs, teacher))
    expected = kl_div(new.log_softmax(1), old.log_softmax(1), log_target=True, reduction="batchmean")
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-10)


def test_distillation_of_equal_features_is_zero_and_needs_a_bank():
    generator = torch.Generator().manual_seed(0)
    features, bank = unit(generator, 9, 6), unit(generator, 2, 4, 6)
    valid = torch.ones(2, 4, dtype=torch.bool)
    assert vertex_distillation(features, features, bank, valid, kappa=0.5).abs() < 1e-12
    with pytest.raises(ValueError, match="valid"):
        vertex_distillation(features, features, bank, ~valid, kappa=0.5)
    with pytest.raises(ValueError, match="kappa"):
        vertex_distillation(features, features, bank, valid, kappa=0.0)


def test_noise_is_the_mean_cosine_over_valid_vertices():
    generator = torch.Generator().manual_seed(0)
    features, bank = unit(generator, 6, 8), unit(generator, 3, 5, 8)
    valid = torch.rand(3, 5, generator=generator) < 0.5
    torch.testing.assert_close(noise(features, bank, valid), (features @ bank[valid].T).mean())
    with pytest.raises(ValueError, match="valid"):
        noise(features, bank, torch.zeros(3, 5, dtype=torch.bool))


def test_positional_prefers_the_own_centroid():
    centroids = torch.eye(4, dtype=torch.float64)
    features = centroids[[1, 2]]
    right = positional(features, torch.tensor([1, 2]), centroids, kappa=3.0)
    wrong = positional(features, torch.tensor([2, 1]), centroids, kappa=3.0)
    torch.testing.assert_close(wrong - right, torch.tensor(3.0, dtype=torch.float64))


def test_empty_batches_give_zero():
    empty, bank, valid = torch.zeros(0, 3), torch.ones(1, 2, 3), torch.ones(1, 2, dtype=torch.bool)
    assert noise(empty, bank, valid) == 0
    assert vertex_distillation(empty, empty, bank, valid, kappa=1.0) == 0
    assert positional(empty, torch.zeros(0, dtype=torch.int64), torch.eye(3)) == 0
    assert soft_target_cross_entropy(empty, empty, temperature=2.0) == 0


def test_a_bank_that_asks_for_gradients_gets_none_from_distillation():
    generator = torch.Generator().manual_seed(4)
    bank, teacher = unit(generator, 2, 3, 5).requires_grad_(), unit(generator, 6, 5)
    student, valid = unit(generator, 6, 5), torch.ones(2, 3, dtype=torch.bool)
    assert not vertex_distillation(student, teacher, bank, valid, kappa=2.0).requires_grad
    vertex_distillation(student.requires_grad_(), teacher, bank, valid, kappa=2.0).backward()
    assert student.grad is not None and bank.grad is None


def test_soft_targets_have_the_gradient_of_the_divergence():
    generator = torch.Generator().manual_seed(0)
    teacher = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    ours = torch.randn(5, 4, generator=generator, dtype=torch.float64).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    soft_target_cross_entropy(ours, teacher, temperature=2.0).backward()
    kl_div((theirs / 2).log_softmax(1), (teacher / 2).softmax(1), reduction="batchmean").backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("loss", [positional, soft_target_cross_entropy])
def test_bad_temperature_is_named(loss):
    arguments = [torch.ones(2, 3), torch.tensor([0, 1]), torch.eye(3)] if loss is positional else [torch.ones(2, 3)] * 2
    name = "kappa" if loss is positional else "temperature"
    with pytest.raises(ValueError, match=name):
        loss(*arguments, **{name: 0.0})
