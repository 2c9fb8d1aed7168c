"""BiC: which images are held out, and what the correction of the new classes' logits does."""

from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from meshcil.methods.base.method import Batch
from meshcil.models.heads import fit_correction
from meshcil.training.selection import TrainingData
from meshcil.training.trainer import train_step
from tests.conformance.runs import join
from tests.methods.factory import build, facts, pool


def test_the_correction_is_the_minimum_that_another_program_finds() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 5, 60)
    logits = generator.normal(size=(60, 5)) + 1.5 * np.eye(5)[labels]
    logits[:, 3:] = 1.8 * logits[:, 3:] + 2

    def objective(line: np.ndarray) -> float:
        corrected = np.concatenate([logits[:, :3], line[0] * logits[:, 3:] + line[1]], axis=1)
        losses = logsumexp(corrected, axis=1) - corrected[np.arange(60), labels]
        return losses.mean() + 0.5 * 2e-4 * np.square(line).sum()

    expected = minimize(objective, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    found = fit_correction(torch.as_tensor(logits), torch.as_tensor(labels), 3, 2e-4)
    np.testing.assert_allclose(found, expected.x, rtol=1e-5)
    assert found[0] < 0.9 and found[1] < -0.5, "what favours new classes is taken back"


def test_held_out_images_train_nothing_and_correct_the_new_classes_alone(tmp_path: Path) -> None:
    method = build("bic", facts((2, 2)), batch_size=100, epochs=1, keep_partial=True)
    first, second = pool([0, 1] * 12, seed=1), pool([2, 3] * 12, seed=2)
    method.begin_step(0)
    assert method.held_out(first) is None
    train_step(method, TrainingData(first, torch.zeros(24, dtype=torch.bool)), tmp_path / "0")
    exemplars = first.subset(range(20))  # ten of each class, so that one of each is held out
    method.consolidate(exemplars)
    method.begin_step(1)
    both = join(second, exemplars)
    held = method.held_out(both)
    assert both.labels[held].bincount().tolist() == [1, 1, 1, 1]
    parts = torch.cat([method.held_out(second), method.held_out(exemplars)])
    assert torch.equal(parts, held), "the same images, whatever else is in the pool"
    sizes, real = [], method.losses

    def noted(batch: Batch) -> dict[str, torch.Tensor]:
        sizes.append(len(batch.labels))
        return real(batch)

    method.losses = noted
    train_step(method, TrainingData(both, torch.arange(44) >= 24), tmp_path / "1")
    assert sizes == [40]
    head = method.network.head
    assert head.factor[:2].tolist() == [1, 1] and head.offset[:2].tolist() == [0, 0]
    assert head.factor[2] == head.factor[3] != 1 and head.offset[2] == head.offset[3] != 0
    features = method.pooled(both.subset(held.nonzero()[:, 0]))
    plain = features @ head.weight.T + head.bias
    line = fit_correction(plain, both.labels[held], 2, method.settings.correction_decay)
    torch.testing.assert_close(torch.stack([head.factor[2], head.offset[2]]), torch.tensor(line))
    torch.testing.assert_close(method.logits(features)[:, 2:], line[0] * plain[:, 2:] + line[1])


def test_nothing_is_corrected_where_no_exemplar_is_kept() -> None:
    method = build("bic", facts((2, 2)))
    method.begin_step(1)
    assert method.held_out(pool([2, 3])) is None
