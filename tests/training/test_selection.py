"""Every exemplar strategy gets from a mesh model what it ranks by."""

import numpy as np
import pytest
import torch

from meshcil.config.methods.inemo import Settings
from meshcil.methods.inemo import Learner
from meshcil.training.selection import selection_inputs
from tests.methods.factory import build, facts, pool, settings

STRATEGIES = [name for name in Settings.model_fields["exemplars"].annotation.__args__ if name != "none"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_mesh_model_ranks_by_every_strategy(strategy: str) -> None:
    chosen_settings = settings("inemo").model_copy(update={"exemplars": strategy})
    method = Learner(chosen_settings, facts(), torch.device("cpu"))
    method.begin_step(0)
    images = pool([0, 1] * 6)
    arrays = selection_inputs(method, images, strategy)
    assert all(len(array) == 12 and np.isfinite(array).all() for array in arrays.values())
    chosen = method.rank_exemplars(5, seed=3, **arrays)
    assert len(set(chosen)) == 5
    assert method.rank_exemplars(3, seed=3, **arrays) == chosen[:3]


def test_difficulty_is_the_margin_by_which_the_true_class_loses() -> None:
    method = build("inemo")
    method.begin_step(1)
    images = pool([0, 1, 2, 3] * 2)
    margins = selection_inputs(method, images, "difficulty")["losses"]
    scores = method.scores(next(images.batches(8, method.device))).double()
    for margin, row, label in zip(margins, scores, images.labels.tolist(), strict=True):
        wrong = torch.cat([row[:label], row[label + 1 :]]).max()
        assert margin == pytest.approx(float(wrong - row[label]), abs=1e-6)


def test_of_a_single_class_the_hardest_image_has_the_lowest_score() -> None:
    method = Learner(settings("inemo"), facts((1, 1)), torch.device("cpu"))
    method.begin_step(0)
    images = pool([0, 0, 0])
    scores = method.scores(next(images.batches(3, method.device)))[:, 0].double().numpy()
    np.testing.assert_allclose(selection_inputs(method, images, "difficulty")["losses"], -scores)


def test_features_are_the_mean_of_the_map() -> None:
    method = build("inemo")
    method.begin_step(0)
    images = pool([0, 1, 0])
    with torch.no_grad():
        maps = method.network.eval()(next(images.batches(3, method.device)))
    for strategy in ("herding", "diversity"):
        found = selection_inputs(method, images, strategy)["features"]
        np.testing.assert_allclose(found, maps.mean(dim=(2, 3)).double().numpy(), atol=1e-6)
