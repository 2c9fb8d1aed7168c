"""Exemplars under a budget: which images are kept, how many, and what everything kept costs in bytes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"ledger": ["Ledger"], "selection": ["select", "thin"], "store": ["ExemplarStore"]}
)
