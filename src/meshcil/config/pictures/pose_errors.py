"""Options of the figure of test images `pose-errors`."""

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    test_sets: tuple[str, ...] = ("clean",)
    """Test sets, at most five."""
