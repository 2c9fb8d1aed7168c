"""Which arithmetic a device has instructions for."""

import torch


def computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 pays: a processor without instructions for it takes ten times as long as in float32."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16"))
