"""Class-incremental protocols: in which order classes arrive, how many at a time, and with which images."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"protocol": ["class_incremental", "legacy_permutation", "order_classes", "step_sizes"]}
)
