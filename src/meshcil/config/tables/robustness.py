"""Options of the table `robustness`."""

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "accuracy"
    """`accuracy`, `pose_accuracy_pi6` or `pose_accuracy_pi18`."""
    test_sets: tuple[str, ...] = ()
    """Columns, in this order; all test sets when absent."""
