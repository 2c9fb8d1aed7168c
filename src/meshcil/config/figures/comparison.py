"""Options of the figure `comparison`."""

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    reference: str = ""
    """Method whose values are drawn as lines for comparison; the first one when empty."""
