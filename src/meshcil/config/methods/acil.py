"""Settings of ACIL."""

from pydantic import Field

from meshcil.config.classifier import FrozenSettings


class Settings(FrozenSettings):
    """Recursive ridge regression on random features of a frozen network."""

    dimensions: int = Field(8192, ge=1)
    """Random features; the square of their number is kept between steps."""
    ridge: float = Field(0.1, gt=0)
    """Strength of the ridge."""
