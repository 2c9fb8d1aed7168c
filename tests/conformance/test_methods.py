"""Every method found in `meshcil.methods` keeps the promises of the base class."""

from pathlib import Path

import pytest
import torch

from meshcil.core.artifacts import load_state, save_state
from meshcil.core.naming import available, load_object
from meshcil.memory.ledger import Ledger
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch, Method
from meshcil.training.trainer import EpochRow, Progress, TrainingData, train_step
from tests.methods.factory import build, facts, pool, settings

METHODS = available("meshcil.methods")
REHEARSING = [kind for kind in METHODS if settings(kind).replay == "required"]
TRAIN = [0, 1] * 12
LATER = [2, 3] * 12


class Killed(Exception):
    """Stands for the death of the process."""


def _die(row: EpochRow) -> None:
    raise Killed


def _train(
    method: Method,
    step: int,
    tmp_path: Path,
    exemplars: ImagePool | None = None,
    progress: Progress = lambda row: None,
) -> None:
    labels = TRAIN + LATER if method.trains_on_all_data and step else (LATER if step else TRAIN)
    new = pool(labels, seed=step + 1)
    joined, replayed = new, torch.zeros(len(new), dtype=torch.bool)
    if exemplars is not None and method.settings.replay != "never":
        joined = ImagePool(
            new.ids + exemplars.ids,
            torch.cat([new.images, exemplars.images]),
            torch.cat([new.labels, exemplars.labels]),
            torch.cat([new.poses, exemplars.poses]),
        )
        replayed = torch.cat([replayed, torch.ones(len(exemplars), dtype=torch.bool)])
    method.begin_step(step)
    train_step(method, TrainingData(joined, replayed), tmp_path / f"checkpoint{step}", progress)


def _trained(kind: str, tmp_path: Path, steps: int = 2, epochs: int = 12) -> Method:
    method = build(
        kind,
        epochs=epochs,
        lr=5e-3,
        augmentation=build(kind).settings.training.augmentation.model_copy(
            update={"flip": False, "rotate": 0.0, "colour": 0.0}
        ),
    )
    _train(method, 0, tmp_path)
    exemplars = pool([0, 1] * 6, seed=1)
    method.consolidate(exemplars)
    if steps == 2:
        _train(method, 1, tmp_path, exemplars)
        method.consolidate(pool([0, 1, 2, 3] * 4, seed=2))
    return method


@pytest.mark.parametrize("kind", METHODS)
def test_latents_lead_to_the_same_classes_as_images(kind: str, tmp_path: Path) -> None:
    method = _trained(kind, tmp_path, steps=1, epochs=1)
    images = next(pool([0, 1] * 4, seed=3).batches(8, method.device))
    latents = method.latents(images)
    assert latents.shape[0] == 8 and not latents.requires_grad
    assert torch.equal(method.latent_logits(latents).argmax(dim=1), method.predict(images).labels)


@pytest.mark.parametrize("kind", METHODS)
def test_learns_and_beats_chance_on_new_images(kind: str, tmp_path: Path) -> None:
    method = _trained(kind, tmp_path, steps=1)
    test = pool([0, 1] * 8, seed=99)
    prediction = method.predict(next(test.batches(16, method.device)))
    assert (prediction.labels == test.labels).float().mean() >= 0.75
    assert prediction.scores.shape == (16, 2)
    if prediction.poses is not None:
        assert prediction.poses.shape == (16, 3)
        assert bool(prediction.poses.isfinite().all())


@pytest.mark.parametrize("kind", METHODS)
def test_second_step_knows_four_classes_and_state_survives_the_disk(kind: str, tmp_path: Path) -> None:
    method = _trained(kind, tmp_path, epochs=2)
    save_state(tmp_path / "state.safetensors", method.state())
    again = build(kind)
    again.load_state(load_state(tmp_path / "state.safetensors"))
    kept = pool([0, 1, 2, 3] * 4, seed=2)
    method.load_state(load_state(tmp_path / "state.safetensors"))
    method.consolidate(kept)
    again.consolidate(kept)
    images = next(pool([0, 1, 2, 3], seed=7).batches(4, method.device))
    first, second = method.predict(images), again.predict(images)
    assert first.scores.shape == (4, 4)
    assert torch.equal(first.scores, second.scores)
    assert torch.equal(first.labels, second.labels)
    assert again.ledger_rows() == method.ledger_rows()


@pytest.mark.parametrize("kind", METHODS)
def test_resumed_second_step_is_bit_equal(kind: str, tmp_path: Path) -> None:
    exemplars = pool([0, 1] * 4, seed=1)
    first = build(kind)
    _train(first, 0, tmp_path)
    save_state(tmp_path / "first.safetensors", first.state())

    def second_step(folder: Path, progress: Progress) -> bytes:
        method = build(kind)
        method.load_state(load_state(tmp_path / "first.safetensors"))
        method.consolidate(exemplars)
        _train(method, 1, folder, exemplars, progress)
        save_state(folder / "second.safetensors", method.state())
        return (folder / "second.safetensors").read_bytes()

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    with pytest.raises(Killed):
        second_step(tmp_path / "killed", _die)
    resumed = second_step(tmp_path / "killed", lambda row: None)
    assert resumed == second_step(tmp_path / "whole", lambda row: None)


@pytest.mark.parametrize("kind", METHODS)
def test_only_seen_classes_are_candidates(kind: str, tmp_path: Path) -> None:
    method = _trained(kind, tmp_path, steps=1, epochs=1)
    images = next(pool([0, 1, 0, 1], seed=5).batches(4, method.device))
    prediction = method.predict(images)
    assert prediction.scores.shape[1] == method.seen == 2
    assert prediction.labels.max() < 2


@pytest.mark.parametrize("kind", METHODS)
def test_a_step_may_have_one_class_with_one_image(kind: str, tmp_path: Path) -> None:
    method = build(kind, facts((2, 1)))
    _train(method, 0, tmp_path)
    method.consolidate(pool([0, 1]))
    method.begin_step(1)
    rows = train_step(method, TrainingData(pool([2]), torch.zeros(1, dtype=torch.bool)), tmp_path / "checkpoint")
    assert len(rows) == 2
    method.consolidate(pool([0, 1, 2]))
    scores = method.predict(next(pool([0, 1, 2], seed=7).batches(3, method.device))).scores
    assert scores.shape == (3, 3) and bool(scores.isfinite().all())


@pytest.mark.parametrize("kind", METHODS)
def test_ledger_counts_what_the_state_holds(kind: str, tmp_path: Path) -> None:
    method = _trained(kind, tmp_path, epochs=1)
    ledger = Ledger(tuple(method.ledger_rows()))
    stored = sum(t.numel() * t.element_size() for t in _tensors(method.state()))
    rebuilt = {"class means", "cuboid bounds"}
    counted = sum(row.bytes for row in ledger.rows if row.carry and row.name not in rebuilt)
    assert counted == stored
    parameters = sum(p.numel() for p in method.network.parameters())
    assert 0 < ledger.total("paper") <= 4 * parameters
    totals = ledger.add(method.training_rows()).totals()
    assert totals["deploy"] <= totals["carry"] < totals["peak"]


def _tensors(tree: object) -> list[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    values = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else []
    return [tensor for value in values for tensor in _tensors(value)]


@pytest.mark.parametrize("kind", METHODS)
def test_loss_terms_are_finite_scalars_that_reach_the_network(kind: str) -> None:
    method = build(kind)
    method.begin_step(0)
    data = pool([0, 1, 0, 1])
    generator = torch.Generator().manual_seed(0)
    images = next(data.batches(4, method.device))
    terms = method.losses(Batch(images, data.labels, data.poses, torch.zeros(4, dtype=torch.bool), generator))
    total = torch.stack(list(terms.values())).sum()
    assert total.ndim == 0 and bool(total.isfinite())
    total.backward()
    moved = [p.grad is not None and bool(p.grad.any()) for p in method.network.parameters()]
    assert sum(moved) > 0.8 * len(moved)


@pytest.fixture(scope="module")
def finetuned(tmp_path_factory: pytest.TempPathFactory) -> float:
    """Accuracy of finetune on the first classes after the second step."""
    return _remembered("finetune", tmp_path_factory.mktemp("finetune"))


def _remembered(kind: str, tmp_path: Path) -> float:
    test = pool([0, 1] * 8, seed=99)
    images = next(test.batches(16, torch.device("cpu")))
    method = _trained(kind, tmp_path, epochs=20)
    return float((method.predict(images).labels == test.labels).float().mean())


@pytest.mark.parametrize("kind", REHEARSING)
def test_replay_forgets_less_than_finetune(kind: str, finetuned: float, tmp_path: Path) -> None:
    assert finetuned <= 0.25
    assert _remembered(kind, tmp_path) >= finetuned + 0.25


def test_too_few_partitions_is_a_clear_error() -> None:
    settings = build("inemo").settings.model_copy(update={"partitions": 3})
    learner = load_object("meshcil.methods", "inemo", "Learner")
    with pytest.raises(ValueError, match="partitions: is 3, fewer than the run's 4 classes"):
        learner(settings, facts(), torch.device("cpu"))
