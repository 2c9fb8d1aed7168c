"""Metrics as pure functions of numbers and tables; no torch."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "metrics": [
            "accuracy_per_megabyte",
            "area_under_memory_curve",
            "average_incremental_accuracy",
            "confusion_matrix",
            "forgetting",
            "intransigence",
            "last_accuracy",
            "linear_cka",
            "median_pose_error",
            "pose_accuracy",
        ],
        "scoring": ["score_predictions"],
    },
)
