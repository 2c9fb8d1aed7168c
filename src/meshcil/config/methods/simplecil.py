"""Settings of SimpleCIL."""

from meshcil.config.classifier import FrozenSettings


class Settings(FrozenSettings):
    """The nearest class mean on a frozen network."""
