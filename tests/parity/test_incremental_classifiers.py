"""Weight aligning, auxiliary targets and weights of the incremental baselines, worked out independently."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from meshcil.config.run import load_method
from meshcil.core.naming import load_object
from meshcil.losses.ranking import margin_ranking
from meshcil.losses.soft_target import soft_target_cross_entropy
from meshcil.memory.ledger import Ledger
from meshcil.methods.base.method import Batch
from meshcil.models.expandable import auxiliary_targets
from meshcil.models.feature_translation import nearest_new_class, translate
from meshcil.models.weight_aligning import align_new_rows
from tests.methods.factory import CONFIG, build, facts, pool


def test_weight_aligning() -> None:
    rows = torch.tensor([[3, 4], [0, 5], [6, 8], [8, 15], [0, 20]], dtype=torch.float64)
    aligned = rows.clone()
    assert align_new_rows(aligned, 2).item() == pytest.approx(0.3191489, abs=1e-7)
    expected = torch.tensor([[1.914894, 2.553191], [2.553191, 4.787234], [0, 6.382979]], dtype=torch.float64)
    torch.testing.assert_close(aligned[2:], expected, atol=1e-6, rtol=0)
    assert torch.equal(aligned[:2], rows[:2])
    assert align_new_rows(aligned, 2).item() == pytest.approx(1.0, abs=1e-12)


def test_auxiliary_targets() -> None:
    assert auxiliary_targets(torch.tensor([3, 20, 27]), 20).tolist() == [0, 1, 8]


@pytest.mark.parametrize(("step", "share"), [(1, 0.5), (2, 0.6667), (5, 0.8333), (9, 0.9)])
def test_wa_weighs_by_the_share_of_old_classes(step: int, share: float) -> None:
    method = build("wa", facts((10,) * 10))
    method.begin_step(step - 1)
    method.begin_step(step)
    data = pool([0, 1, 2, 3])
    images = next(data.batches(4, method.device))
    batch = Batch(images, data.labels, data.poses, torch.zeros(4, dtype=torch.bool), torch.Generator())
    logits = torch.randn(4, 10 * (step + 1), generator=torch.Generator().manual_seed(0))
    terms = method.classification_losses(batch, logits)
    assert terms["classification"] / cross_entropy(logits, data.labels) == pytest.approx(1 - share, abs=1e-4)
    taught = method.teacher(images)
    kept = soft_target_cross_entropy(logits[:, : 10 * step], taught, temperature=2.0)
    assert terms["distillation"] / kept == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("der-cifar", 4_635_040), ("memo-cifar", 3_626_896), ("memo-2-cifar", 4_420_624), ("replay-cifar", 463_504)],
)
def test_extractors_after_ten_steps(name: str, parameters: int) -> None:
    settings = load_method(name, CONFIG)
    method = load_object("meshcil.methods", settings.kind, "Learner")(settings, facts((10,) * 10), torch.device("cpu"))
    for step in range(10):
        method.begin_step(step)
    assert Ledger(tuple(method.ledger_rows())).total("paper") == 4 * parameters


def test_published_recipe_has_its_own_first_step() -> None:
    settings = load_method("memo-cifar", CONFIG)
    method = load_object("meshcil.methods", "memo", "Learner")(settings, facts((10, 10)), torch.device("cpu"))
    recipes = []
    for step in range(2):
        method.begin_step(step)
        [phase] = method.phases()
        recipes.append((phase.epochs, phase.training.milestones, phase.training.weight_decay))
    assert recipes == [(200, (60, 120, 170), 5e-4), (170, (80, 120, 150), 2e-4)]


def test_feature_translation() -> None:
    new = torch.tensor([[1.0, 2.0], [3.0, 2.0]])
    moved = translate(new, new.mean(0), torch.tensor([0.0, 5.0]))
    assert moved.tolist() == [[-1.0, 5.0], [1.0, 5.0]]
    assert nearest_new_class(
        torch.tensor([[0.0, 5.0], [9.0, 1.0]]), torch.tensor([[1.0, 2.0], [3.0, 2.0]])
    ).tolist() == [0, 1]


def test_margin_ranking() -> None:
    cosines = torch.tensor([[0.6, 0.1, 0.5, 0.4, -0.3]])
    assert margin_ranking(cosines, torch.tensor([0]), 2, margin=0.5, hardest=2).item() == pytest.approx(0.35)
    assert margin_ranking(cosines[:, :3], torch.tensor([0]), 2, margin=0.5, hardest=2).item() == pytest.approx(0.4)
    assert margin_ranking(cosines[:0], torch.tensor([0])[:0], 2, margin=0.5, hardest=2).item() == 0


@pytest.mark.parametrize(("step", "weight"), [(1, 11.18034), (2, 12.24745)])
def test_lucir_weighs_the_distillation_by_old_classes_per_new_one(step: int, weight: float) -> None:
    method = build("lucir", facts((50, 10, 10)))
    method.step = step
    assert method.feature_weight == pytest.approx(weight, abs=1e-5)
