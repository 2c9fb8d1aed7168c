"""Gradients of every classification and distillation loss, each against its formula written out element by element.

A value alone can agree with the published code while the gradient does not: a maximum that is taken from all scores and
kept out of the graph changes no value.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from meshcil.losses import noise, positional, vertex_contrastive, vertex_distillation
from meshcil.losses.neighbourhood import margin_nca
from meshcil.losses.pooled_outputs import direction_distillation, pooled_output_distillation
from meshcil.losses.ranking import margin_ranking
from meshcil.losses.soft_target import soft_target_cross_entropy
from meshcil.losses.weighted_channels import weighted_channel_distillation
from meshcil.models.cosine_head import reduce_proxies


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LABELS, SCALE, IMPORTANCE = torch.tensor([0, 2, 1, 2]), torch.tensor(1.7, dtype=torch.float64), draw(3, seed=9).abs()
TEACHER, TAUGHT = draw(4, 3, seed=1), draw(4, 3, 2, 2, seed=1)
BANK, VALID = draw(2, 3, 3, seed=2), torch.tensor([[True, True, False], [True, True, True]])
BACKGROUND = draw(2, 3, seed=3)


def mean(terms: list[Tensor]) -> Tensor:
    return sum(terms[1:], terms[0]) / len(terms)


def length(numbers: list[Tensor]) -> Tensor:
    return torch.sqrt(sum((x * x for x in numbers[1:]), numbers[0] * numbers[0]))


def dot(a: Tensor, b: Tensor) -> Tensor:
    return sum((x * y for x, y in zip(a[1:], b[1:], strict=True)), a[0] * b[0])


def published_nca(x: Tensor) -> Tensor:
    terms = []
    for row, label in zip(x * SCALE, LABELS.tolist(), strict=True):
        top = row[row.tolist().index(max(row.tolist()))]
        others = sum(torch.exp(row[j] - top) for j in range(3) if j != label)
        terms.append(torch.log(1 + others) - (row[label] - top))
    return mean(terms)


def intended_nca(x: Tensor) -> Tensor:
    terms = []
    for row, label in zip(x * SCALE, LABELS.tolist(), strict=True):
        others = sum(torch.exp(row[j]) for j in range(3) if j != label)
        value = torch.log(others) - (row[label] - 0.6 * SCALE)
        terms.append(value if value > 0 else 0 * value)
    return mean(terms)


def soft_targets(x: Tensor) -> Tensor:
    total = []
    for row, kept in zip(x / 2, TEACHER / 2, strict=True):
        weights = [math.exp(k) / sum(math.exp(j) for j in kept.tolist()) for k in kept.tolist()]
        total.append(-sum(w * (row[k] - torch.log(torch.exp(row).sum())) for k, w in enumerate(weights)))
    return mean(total)


def ranking(x: Tensor) -> Tensor:
    terms = []
    for row, label in zip(x, (0, 1, 1, 0), strict=True):
        for k in sorted(range(2, 6), key=lambda k: -row[k].item())[:2]:
            value = 0.5 - row[label] + row[k]
            terms.append(value if value > 0 else 0 * value)
    return mean(terms)


def profiles(stage: Tensor) -> list[Tensor]:
    rows = [(stage[c, h] ** 2).sum() for c in range(3) for h in range(2)]
    columns = [(stage[c, :, w] ** 2).sum() for c in range(3) for w in range(2)]
    return [p / length(rows + columns) for p in rows + columns]


def pooled(x: Tensor) -> Tensor:
    pairs = zip(x, TAUGHT, strict=True)
    return mean([length([p - q for p, q in zip(profiles(a), profiles(b), strict=True)]) for a, b in pairs])


def channels(x: Tensor) -> Tensor:
    terms = []
    for own, kept in zip(x, TAUGHT, strict=True):
        for c in range(3):
            a, b = (list(stage[c].flatten() ** 2) for stage in (own, kept))
            difference = [p / length(a) - q / length(b) for p, q in zip(a, b, strict=True)]
            terms.append(IMPORTANCE[c] * length(difference))
    return mean(terms)


def direction(x: Tensor) -> Tensor:
    pairs = zip(x, TEACHER, strict=True)
    return mean([1 - dot(a, b) / (length(list(a)) * length(list(b))) for a, b in pairs])


def proxies(x: Tensor) -> Tensor:
    groups = x.view(4, 3, 2)
    sums = [[dot(torch.exp(p) / torch.exp(p).sum(), p) for p in row] for row in groups]
    return mean([sums[i][j] for i in range(4) for j in range(3)])


def to_centroids(x: Tensor) -> Tensor:
    rows = zip(x, LABELS.tolist(), strict=True)
    return mean([torch.log(sum(torch.exp(2 * dot(f, e)) for e in TEACHER)) - 2 * dot(f, TEACHER[y]) for f, y in rows])


def contrastive(x: Tensor) -> Tensor:
    terms = []
    for feature, target in zip(x, (0, 3, 5, 1), strict=True):
        own = BANK.view(6, 3)[target]
        near = [dot(feature, v) for v, kept in zip(BANK.view(6, 3), VALID.flatten(), strict=True) if kept]
        noise_sum = sum(torch.exp(2 * dot(feature, b)) for b in BACKGROUND)
        terms.append(torch.log(sum(torch.exp(2 * d) for d in near) + 0.3 * noise_sum) - 2 * dot(feature, own))
    return mean(terms)


def assignment(x: Tensor) -> Tensor:
    kept = BANK[VALID]
    terms = []
    for feature, taught in zip(x, TEACHER, strict=True):
        old, new = (torch.stack([2 * dot(f, v) for v in kept]) for f in (taught, feature))
        old, new = (d - torch.log(torch.exp(d).sum()) for d in (old, new))
        terms.append((torch.exp(old) * (old - new)).sum())
    return mean(terms)


def away(x: Tensor) -> Tensor:
    return mean([dot(f, v) for f in x for v in BANK[VALID]])


Loss = Callable[[Tensor], Tensor]
CASES: dict[str, tuple[tuple[int, ...], Loss, Loss]] = {
    "nca, published": (
        (4, 3),
        lambda x: margin_nca(x, LABELS, scale=SCALE, margin=0.6, published_code=True),
        published_nca,
    ),
    "nca, intended": ((4, 3), lambda x: margin_nca(x, LABELS, scale=SCALE, margin=0.6), intended_nca),
    "soft targets": ((4, 3), lambda x: soft_target_cross_entropy(x, TEACHER, temperature=2.0), soft_targets),
    "ranking": ((4, 6), lambda x: margin_ranking(x, torch.tensor([0, 1, 1, 0]), 2, margin=0.5, hardest=2), ranking),
    "pooled outputs": ((4, 3, 2, 2), lambda x: pooled_output_distillation([x], [TAUGHT]), pooled),
    "channels": ((4, 3, 2, 2), lambda x: weighted_channel_distillation([x], [TAUGHT], [IMPORTANCE]), channels),
    "direction": ((4, 3), lambda x: direction_distillation(x, TEACHER), direction),
    "proxies": ((4, 3, 2), lambda x: reduce_proxies(x).mean(), proxies),
    "positional": ((4, 3), lambda x: positional(x, LABELS, TEACHER, kappa=2.0), to_centroids),
    "contrastive": (
        (4, 3),
        lambda x: vertex_contrastive(
            x, torch.tensor([0, 3, 5, 1]), BANK, VALID, BACKGROUND, kappa=2.0, background_weight=0.3
        ),
        contrastive,
    ),
    "assignment": ((4, 3), lambda x: vertex_distillation(x, TEACHER, BANK, VALID, kappa=2.0), assignment),
    "noise": ((4, 3), lambda x: noise(x, BANK, VALID), away),
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_are_those_of_the_formula(name: str) -> None:
    shape, loss, formula = CASES[name]
    own, written = (draw(*shape).requires_grad_() for _ in range(2))
    values = loss(own), formula(written)
    for value in values:
        value.backward()
    torch.testing.assert_close(values[0], values[1], atol=1e-12, rtol=1e-10)
    torch.testing.assert_close(own.grad, written.grad, atol=1e-12, rtol=1e-9)


def test_gradient_of_the_published_neighbourhood_loss() -> None:
    scores = torch.tensor([[0.9, 0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    loss = margin_nca(scores, torch.tensor([0]), scale=torch.ones_like(SCALE), margin=0.6, published_code=True)
    loss.backward()
    assert scores.grad.tolist() == [pytest.approx([-0.4861, 0.2552, 0.2309], abs=5e-5)]


def test_written_out_gradient_is_that_of_finite_differences() -> None:
    scores = draw(4, 3)
    assert torch.autograd.gradcheck(CASES["nca, published"][1], scores.requires_grad_())
