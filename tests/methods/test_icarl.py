"""iCaRL: class means are counted where they classify."""

import torch

from meshcil.core.naming import load_object
from meshcil.methods.base.method import Method
from tests.methods.factory import DEVICE, facts, pool, settings


def first_step(head: str) -> Method:
    """A method after its first step, untrained, with exemplars."""
    block = settings("icarl").model_copy(update={"head": head})
    method = load_object("meshcil.methods", "icarl", "Learner")(block, facts(), DEVICE)
    method.begin_step(0)
    method.consolidate(pool([0, 1] * 3))
    return method


def test_only_the_nearest_mean_stores_class_means() -> None:
    nearest, linear = (first_step(head) for head in ("nearest-mean", "linear"))
    [means] = [row for row in nearest.ledger_rows() if row.name == "class means"]
    assert means.deploy and means.bytes == nearest.means.nbytes
    assert [row for row in nearest.ledger_rows() if row != means] == linear.ledger_rows()


def test_the_linear_head_reads_no_class_means() -> None:
    method = first_step("linear")
    images = next(pool([0, 1, 1, 0], seed=2).batches(4, DEVICE))
    scores, logits = method.predict(images).scores, method.latent_logits(method.latents(images))
    method.consolidate(pool([1, 0] * 3, seed=3))
    assert torch.equal(method.predict(images).scores, scores)
    assert torch.equal(method.latent_logits(method.latents(images)), logits)
