"""Cosine classifiers: what new rows start from, and which images the class means are of."""

import pytest
import torch
from torch.nn.functional import normalize

from tests.methods.factory import build, pool


@pytest.mark.parametrize("imprint", [True, False])
def test_new_rows_start_from_images_or_at_random(imprint: bool) -> None:
    method = build("podnet")
    method.settings = method.settings.model_copy(update={"imprint": imprint})
    for step in range(2):
        method.begin_step(step)
    drawn = method.network.head.weight.clone()
    method.prepare_step(pool([2, 3] * 12))
    assert torch.equal(method.network.head.weight, drawn) != imprint


@pytest.mark.parametrize("mirrored", [True, False])
def test_class_means_take_mirror_images_in_only_if_told_to(mirrored: bool) -> None:
    method, images = build("afc"), pool([0, 1] * 3)
    method.settings = method.settings.model_copy(update={"mirrored_means": mirrored})
    method.begin_step(0)
    method.consolidate(images)
    [batch] = images.batches(6, method.device)
    parts = [normalize(method.features(batch))]
    if mirrored:
        parts.append(normalize(method.features(batch.flip(3))))
    expected = [normalize(torch.cat([part[label::2] for part in parts]).mean(dim=0), dim=0) for label in range(2)]
    torch.testing.assert_close(method.means, torch.stack(expected))
