"""Settings of RanPAC."""

from pydantic import Field

from meshcil.config.classifier import FrozenSettings


class Settings(FrozenSettings):
    """Ridge regression on random features of a frozen network."""

    dimensions: int = Field(10000, ge=1)
    """Random features; the square of their number is kept between steps."""
