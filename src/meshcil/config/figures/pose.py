"""Options of the figure `pose`."""

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    test_sets: tuple[str, ...] = ()
    """Test sets from left to right; all when absent."""
    tick_labels: dict[str, str] = {}
    """What to write below a test set instead of its name."""
