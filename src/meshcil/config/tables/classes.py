"""Options of the table `classes`."""

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "accuracy"
    """`accuracy` or a pose metric."""
    test_set: str = "clean"
    """Test set."""
