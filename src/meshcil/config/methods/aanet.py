"""Settings of AANet."""

from pydantic import Field

from meshcil.config.methods.lucir import Settings as LucirSettings


class Settings(LucirSettings):
    """LUCIR with two branches, one plastic and one stable, mixed after every stage."""

    mixing: float = Field(0.5, ge=0, le=1)
    """Share of the plastic branch at the start."""
    mixing_epochs: int = Field(0, ge=0)
    """Passes over a balanced set that learn the shares after a step has trained; 0 keeps them, to which the published
    learning rate of 1e-8 amounts."""
    mixing_lr: float = Field(1e-2, gt=0)
    """Learning rate of the shares."""
