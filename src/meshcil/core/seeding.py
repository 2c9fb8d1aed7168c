"""Seeds: every random draw has a generator of its own, named by what it is for.

A draw that is added in one place must not shift the numbers of another; so a generator is derived from the
run's seed and a path of names instead of being shared.
"""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *names: str | int) -> int:
    """63-bit seed for the purpose ``names`` under the run's ``seed`` (sha256, so that purposes are independent)."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_generator(seed: int, *names: str | int) -> "torch.Generator":
    """CPU generator for the purpose ``names``; see `derive_seed`."""
    import torch

    return torch.Generator().manual_seed(derive_seed(seed, *names))
