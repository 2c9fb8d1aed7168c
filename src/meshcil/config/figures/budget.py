"""Options of the figure `budget`."""

from typing import Literal

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    x: Literal["images", "carried", "paper"] = "carried"
    """Horizontal axis: exemplar images, MiB carried between steps (network, bank, exemplars), or MiB as MEMO counts."""
    accuracy: Literal["average", "last"] = "average"
    """Vertical axis: average incremental accuracy, or accuracy after the last step."""
