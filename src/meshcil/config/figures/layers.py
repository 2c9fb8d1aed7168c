"""Options of the figure `layers`."""

from typing import Literal

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    show: Literal["movement", "likeness"] = "movement"
    """Gradients and shifts, each relative to its largest block; or likeness between steps."""
