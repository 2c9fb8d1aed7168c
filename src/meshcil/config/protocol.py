"""Settings of a class-incremental protocol."""

from typing import Literal

from pydantic import Field

from meshcil.config.base import Seed, Settings


class ProtocolSettings(Settings):
    """How the classes arrive."""

    description: str
    """One sentence for the report."""
    base: int = Field(ge=0)
    """Classes of the first step; 0 means as many as `increment` (Base0)."""
    increment: int = Field(ge=1)
    """Classes of each later step; a remainder makes a last, smaller step."""
    order: Literal["dataset", "seed"] | tuple[str, ...] = "dataset"
    """`dataset`: the dataset's order; `seed`: a permutation drawn from `order_seed`; or the names of all classes of the
    dataset, as a list, first to last."""
    order_seed: Seed = 1993
    """Seed of the permutation (NumPy's legacy generator, as the public CIL toolboxes draw it)."""
    classes: int | None = Field(None, ge=1)
    """Use only the first so many classes of the order; all when absent."""
