"""Closed-form classifiers on a frozen network against independent forms: numpy's solver, scipy's distances."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import distance

from meshcil.methods.base.frozen import FrozenMethod
from meshcil.methods.base.images import ImagePool
from meshcil.models.closed_form import shrunk_correlation
from meshcil.training.selection import TrainingData
from meshcil.training.trainer import train_step
from tests.methods.factory import build, facts, pool, settings

STEPS = (3, 2, 2)
KINDS = ("acil", "aper", "fecam", "ranpac", "simplecil")


def images_of(step: int) -> ImagePool:
    first = sum(STEPS[:step])
    return pool(list(range(first, first + STEPS[step])) * 9, seed=step)


def trained(kind: str, folder: Path) -> FrozenMethod:
    """A method after three steps."""
    method = build(kind, facts(STEPS), epochs=1)
    for step in range(len(STEPS)):
        method.begin_step(step)
        images = images_of(step)
        train_step(method, TrainingData(images, torch.zeros(len(images), dtype=torch.bool)), folder / f"{kind}{step}")
    return method


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FrozenMethod]:
    return {kind: trained(kind, tmp_path_factory.mktemp("frozen")) for kind in KINDS}


def everything(method: FrozenMethod) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels of all images of all steps, in float64."""
    pools = [images_of(step) for step in range(len(STEPS))]
    features = torch.cat([method.pooled(images) for images in pools])
    return features.double().numpy(), torch.cat([images.labels for images in pools]).numpy()


def hidden(method: FrozenMethod, features: np.ndarray) -> np.ndarray:
    return np.maximum(features @ method.statistics["projection"].double().numpy(), 0)


def test_the_recursion_gives_what_one_regression_on_all_images_gives(methods: dict[str, FrozenMethod]) -> None:
    method = methods["acil"]
    features, labels = everything(method)
    rows, targets = hidden(method, features), np.eye(sum(STEPS))[labels]
    gram = rows.T @ rows + method.settings.ridge * np.eye(rows.shape[1])
    assert np.allclose(method.statistics["head"].numpy(), np.linalg.solve(gram, rows.T @ targets), rtol=1e-6, atol=1e-9)
    assert np.allclose(method.statistics["inverse"].numpy() @ gram, np.eye(len(gram)), atol=1e-6)
    found = method.logits(torch.as_tensor(features, dtype=torch.float32))
    assert np.allclose(found, rows @ np.linalg.solve(gram, rows.T @ targets), atol=1e-4)


def test_sums_over_steps_are_sums_over_all_images(methods: dict[str, FrozenMethod]) -> None:
    method = methods["ranpac"]
    features, labels = everything(method)
    rows, targets = hidden(method, features), np.eye(sum(STEPS))[labels]
    assert np.allclose(method.statistics["gram"], rows.T @ rows)
    assert np.allclose(method.statistics["class sums"], rows.T @ targets)
    fits = [np.linalg.solve(rows.T @ rows + 10.0**k * np.eye(rows.shape[1]), rows.T @ targets) for k in range(-8, 9)]
    assert any(np.allclose(method.statistics["head"], fit, rtol=1e-3, atol=1e-6) for fit in fits)


def test_the_ridge_is_the_one_that_predicts_held_images_best(methods: dict[str, FrozenMethod]) -> None:
    generator = np.random.default_rng(0)
    rows, targets = generator.normal(size=(40, 30)), generator.normal(size=(40, 3))
    order = torch.randperm(40, generator=methods["ranpac"].generator("ridge")).numpy()
    held, fitted = order[:8], order[8:]
    errors = []
    for power in range(-8, 9):
        # The dual form: a system of images, not of features.
        dual = np.linalg.solve(rows[fitted] @ rows[fitted].T + 10.0**power * np.eye(32), targets[fitted])
        errors.append(np.square(rows[held] @ rows[fitted].T @ dual - targets[held]).mean())
    chosen = methods["ranpac"].strength(torch.as_tensor(rows), torch.as_tensor(targets))
    assert chosen == pytest.approx(10.0 ** (int(np.argmin(errors)) - 8))


def test_distances_are_those_of_mahalanobis(methods: dict[str, FrozenMethod]) -> None:
    method = methods["fecam"]
    features, labels = everything(method)
    roots = np.sqrt(features)
    found = method.logits(torch.as_tensor(features, dtype=torch.float32)).numpy()
    for label in range(sum(STEPS)):
        own = roots[labels == label]
        covariance = np.cov(own.T)
        off = ~np.eye(len(covariance), dtype=bool)
        shrunk = covariance + np.diag(np.full(len(covariance), covariance.diagonal().mean()))
        shrunk[off] += covariance[off].mean()
        inverse = np.linalg.pinv(shrunk / np.sqrt(np.outer(shrunk.diagonal(), shrunk.diagonal())))
        mean = np.sqrt(features[labels == label].mean(axis=0))
        expected = [
            distance.mahalanobis(row / np.linalg.norm(row), mean / np.linalg.norm(mean), inverse) ** 2 for row in roots
        ]
        assert np.allclose(-found[:, label], expected, rtol=1e-3, atol=1e-5)


def test_a_class_of_one_image_spreads_alike_in_all_directions() -> None:
    assert torch.equal(shrunk_correlation(torch.rand(1, 4), 1.0, 1.0), torch.eye(4).double())


def test_the_nearest_mean_is_that_of_cosines(methods: dict[str, FrozenMethod]) -> None:
    method = methods["simplecil"]
    features, labels = everything(method)
    means = [features[labels == label].mean(axis=0) for label in range(sum(STEPS))]
    expected = 1 - distance.cdist(features, means, "cosine")
    assert np.allclose(method.logits(torch.as_tensor(features, dtype=torch.float32)), expected, atol=1e-5)


def test_cosines_are_of_features_before_and_after_the_first_step(methods: dict[str, FrozenMethod]) -> None:
    method = methods["aper"]
    pools = [images_of(step) for step in range(len(STEPS))]
    before = build("simplecil", facts(STEPS)).network.eval()
    adapted = method.network.eval().backbone.adapted
    with torch.no_grad():
        batches = [next(images.batches(len(images), method.device)) for images in pools]
        parts = [torch.cat([before.features(x), adapted(x).mean(dim=(2, 3))], dim=1) for x in batches]
    features, labels = torch.cat(parts).double().numpy(), torch.cat([images.labels for images in pools]).numpy()
    means = [features[labels == label].mean(axis=0) for label in range(sum(STEPS))]
    found = torch.cat([method.logits(method.features(x)) for x in batches])
    assert np.allclose(found, 1 - distance.cdist(features, means, "cosine"), atol=1e-5)
    assert not torch.allclose(*parts[0].chunk(2, dim=1), atol=0.05), "the first step has adapted one half"


def test_what_is_merged_does_not_train_the_adapted_half() -> None:
    method = build("aper", facts(STEPS))
    method.begin_step(0)
    images = next(pool([0, 1, 2]).batches(3, method.device))
    seen = [method.network.head(method.network.features(images))]
    method.network.backbone.original.apply(lambda part: part.weight.data.mul_(2) if hasattr(part, "weight") else None)
    assert torch.equal(method.network.head(method.network.features(images)), seen[0])


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_first_step_trains_the_network_and_no_head_is_kept(kind: str, tmp_path: Path) -> None:
    method = build(kind, facts(STEPS), epochs=1)
    states = []
    for step in range(2):
        method.begin_step(step)
        images = images_of(step)
        train_step(method, TrainingData(images, torch.zeros(len(images), dtype=torch.bool)), tmp_path / str(step))
        states.append({name: value.clone() for name, value in method.state()["network"].items()})
    first, second = states
    assert first["head.weight"].numel() == second["head.weight"].numel() == 0
    assert all(torch.equal(value, second[name]) for name, value in first.items() if name.startswith("backbone"))
    for name in ("pose_head.linear.weight", "pose_head.linear.bias"):
        old = len(first[name])
        assert torch.equal(second[name][:old], first[name]), "a pose row of an old class stays"
        assert len(second[name]) > old and bool(second[name][old:].any())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "aper"])
def test_a_network_that_is_not_adapted_stays_as_it_began_and_nothing_is_optimised(kind: str, tmp_path: Path) -> None:
    plain = settings(kind, epochs=1).model_copy(update={"adapt": False, "pose": None})
    method = type(build(kind))(plain, facts(STEPS), torch.device("cpu"))
    before = {name: value.clone() for name, value in method.network.state_dict().items()}
    method.begin_step(0)
    images = images_of(0)
    assert train_step(method, TrainingData(images, torch.zeros(len(images), dtype=torch.bool)), tmp_path / "c") == []
    after = method.network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert sum(row.bytes for row in method.training_rows()) == 0
    assert method.predict(next(images.batches(9, method.device))).labels.shape == (9,)
