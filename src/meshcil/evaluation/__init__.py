"""Metrics as pure functions of numbers and tables; no torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "confusion": ["confusion_matrix"],
        "incremental": ["average_incremental_accuracy", "forgetting", "intransigence", "last_accuracy"],
        "memory_curve": ["accuracy_per_megabyte", "area_under_memory_curve"],
        "pose": ["median_pose_error", "pose_accuracy"],
        "representation": ["linear_cka"],
        "scoring": ["score_predictions"],
    },
)
