"""Options of the figure of test images `confusion`."""

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    test_sets: tuple[str, ...] = ("clean",)
    """Test sets from top to bottom."""
