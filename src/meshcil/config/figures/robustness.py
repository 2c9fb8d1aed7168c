"""Options of the figure `robustness`."""

from typing import Literal

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    metric: str = "accuracy"
    """`accuracy`, `pose_accuracy_pi6` or `pose_accuracy_pi18`."""
    test_sets: tuple[str, ...] = ()
    """Test sets from left to right; all when absent."""
    form: Literal["lines", "dots"] = "lines"
    """`lines` for levels, `dots` for sets without an order."""
    tick_labels: dict[str, str] = {}
    """What to write below a test set instead of its name."""
    label: str = "accuracy"
    """Of the vertical axis."""
