"""Settings of FeCAM."""

from pydantic import Field

from meshcil.config.classifier import FrozenSettings


class Settings(FrozenSettings):
    """Mahalanobis distances to class means on a frozen network."""

    power: float = Field(0.5, gt=0)
    """Power that features are raised to (Tukey's ladder); 1 leaves them."""
    diagonal: float = Field(1.0, ge=0)
    """Share of the mean variance that is added to each variance."""
    off_diagonal: float = Field(1.0, ge=0)
    """Share of the mean covariance that is added to each covariance."""
