"""Options of the table `contest`."""

from typing import Literal

from pydantic import Field

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of table."""

    groups: dict[str, tuple[str, ...]] = Field({})
    """Heading -> methods that compete for it; the best of them by mean over seeds stands in the column."""
    accuracy: Literal["average", "last"] = "average"
    """What decides: average incremental accuracy, or accuracy after the last step."""
