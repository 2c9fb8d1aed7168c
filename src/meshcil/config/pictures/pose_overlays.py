"""Options of the figure of test images `pose-overlays`."""

from typing import Literal

from pydantic import Field

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    test_sets: tuple[str, ...] = ("clean",)
    """Test sets from top to bottom; the same images are shown of all that share their ids."""
    images: int = Field(4, ge=1)
    """Images per test set: of classes that lie evenly apart in the dataset's order, or the worst errors at most."""
    columns: int = Field(4, ge=1)
    """Images side by side; more take further rows."""
    pick: Literal["place", "worst"] = "place"
    """Images by their place in the test set, or of each true class the error that the model was surest of."""
