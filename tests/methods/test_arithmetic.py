"""Mixed precision: bfloat16 only where the device has instructions for it."""

import pytest
import torch

from meshcil.methods.base.method import computes_bfloat16
from tests.methods.factory import build


@pytest.mark.parametrize(
    ("capabilities", "pays"),
    [
        ({"avx2": True, "avx512_bf16": False}, False),
        ({"avx2": True, "avx512_f": True}, False),
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"neon": True, "bf16": True}, True),
    ],
)
def test_bfloat16_needs_instructions(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], pays: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert computes_bfloat16(torch.device("cpu")) is pays


@pytest.mark.parametrize("pays", [False, True])
@pytest.mark.parametrize("precision", ["float32", "mixed"])
def test_mixed_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch, precision: str, pays: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": pays})
    method = build("finetune", precision=precision)
    with method.autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if pays and precision == "mixed" else torch.float32)
