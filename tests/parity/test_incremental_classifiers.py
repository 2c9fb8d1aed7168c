"""Weight aligning, auxiliary targets and weights of the incremental baselines, worked out independently."""

import pytest
import torch
from torch.nn.functional import cross_entropy, kl_div

from meshcil.config.run import load_method
from meshcil.core.naming import load_object
from meshcil.losses.neighbourhood import margin_nca
from meshcil.losses.pooled_outputs import direction_distillation, pooled_output_distillation
from meshcil.losses.ranking import margin_ranking
from meshcil.losses.soft_target import soft_target_cross_entropy
from meshcil.losses.weighted_channels import weighted_channel_distillation
from meshcil.memory.ledger import Ledger
from meshcil.methods.base.method import Batch
from meshcil.methods.fetril import nearest_new_class, translate
from meshcil.models.cosine_head import reduce_proxies
from meshcil.models.expandable import auxiliary_targets
from meshcil.models.heads import align_new_rows, class_means, nearest_mean_scores
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
    method = build("der", facts((20, 8)))
    method.begin_step(0)
    assert method.network.auxiliary is None
    method.begin_step(1)
    assert method.network.auxiliary.classes == 9


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


def test_nearest_class_mean() -> None:
    features = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8], [-1, -1]], dtype=torch.float64)
    means = class_means(features, torch.tensor([0, 0, 1, 1, 2]), 3)
    expected = [[0.948683, 0.316228], [-0.316228, 0.948683], [-0.707107, -0.707107]]
    torch.testing.assert_close(means, torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=0)
    queries = torch.tensor([[2, 1], [0.2, 0.9], [-3, -1], [3, 4]], dtype=torch.float64)
    scores = nearest_mean_scores(queries, means)
    assert scores.argmax(dim=1).tolist() == [0, 1, 2, 0]
    assert (-scores[0]).tolist() == pytest.approx([0.020101, 1.717157, 3.897367], abs=1e-5)
    assert (-scores[3]).tolist() == pytest.approx([0.355616, 0.86158, 3.979899], abs=1e-5)


def test_distillation_of_logits() -> None:
    student, teacher = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    loss = soft_target_cross_entropy(student, teacher, temperature=2.0)
    assert loss.item() == pytest.approx(1.1970654, abs=1e-5)
    entropy = soft_target_cross_entropy(teacher, teacher, temperature=2.0)
    assert entropy.item() == pytest.approx(1.0743685, abs=1e-5)
    assert (loss - entropy).item() == pytest.approx(0.1226969, abs=1e-5)
    # As ELI's iCaRL writes it: the mean over all elements, times T^2, a quarter, and the number of old classes.
    elements = kl_div((student / 2).log_softmax(1), (teacher / 2).softmax(1), reduction="none")
    assert (elements.mean() * 4 * 0.25 * 3).item() == pytest.approx(0.1226970, abs=1e-6)


MAP = torch.arange(1.0, 9.0).reshape(1, 2, 2, 2)
TAUGHT = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]], [[2.0, 2.0], [1.0, 1.0]]]])


def test_distillation_of_stage_outputs() -> None:
    assert pooled_output_distillation([MAP], [TAUGHT]).item() == pytest.approx(0.6034813, abs=1e-5)
    for importance, expected in (([1.0, 1.0], 0.8327696), ([0.5, 1.5], 0.8242421)):
        loss = weighted_channel_distillation([MAP], [TAUGHT], [torch.tensor(importance)])
        assert loss.item() == pytest.approx(expected, abs=1e-5)
    features, taught = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[2.0, 1.0], [3.0, 4.0]])
    assert direction_distillation(features, taught).item() == pytest.approx(0.1, abs=1e-6)


def test_neighbourhood_loss_intended_and_as_published_code_has_it() -> None:
    scores, target, scale = torch.tensor([[0.9, 0.2, 0.1]]), torch.tensor([0]), torch.tensor(1.0)
    intended = margin_nca(scores, target, scale=scale, margin=0.6)
    assert intended.item() == pytest.approx(0.5443967, abs=1e-5)
    published = margin_nca(scores, target, scale=scale, margin=0.6, published_code=True)
    assert published.item() == pytest.approx(0.6657320, abs=1e-5)
    # There the margin does nothing.
    assert margin_nca(scores, target, scale=scale, margin=0.1, published_code=True) == published
    assert margin_nca(scores, target, scale=scale, margin=0.1) < intended
    assert margin_nca(scores[:, :1], target, scale=scale, margin=0.6).item() == 0


def test_similarity_to_several_proxies() -> None:
    assert reduce_proxies(torch.tensor([[[0.5, 0.9]]])).item() == pytest.approx(0.7394751, abs=1e-5)


@pytest.mark.parametrize(("step", "factor"), [(1, 2.449490), (5, 3.162278)])
def test_podnet_weighs_the_distillation_by_all_classes_per_new_one(step: int, factor: float) -> None:
    method = build("podnet", facts((50, 10, 10, 10, 10, 10)))
    method.step = step
    assert method.class_ratio(method.seen) == pytest.approx(factor, abs=1e-5)
