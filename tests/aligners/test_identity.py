"""The aligner that does nothing."""

import pytest
import torch

from meshcil.aligners.identity import LatentAligner
from meshcil.config.aligners.identity import Settings
from tests.aligners.factory import CPU, displaced


def test_it_does_nothing_and_costs_nothing() -> None:
    aligner = LatentAligner(Settings(kind="identity", label="none", description=""), 4, 1, 0, CPU)
    pairs = displaced()
    aligner.fit(pairs, torch.Generator())
    assert torch.equal(aligner.align(pairs.current), pairs.current)
    assert not aligner.negative_energy(pairs.current).any()
    assert aligner.ledger_rows() == []
    with pytest.raises(ValueError, match="width 4"):
        aligner.align(torch.zeros(1, 3))
