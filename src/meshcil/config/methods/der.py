"""Settings of DER."""

from meshcil.config.classifier import ExpandableSettings


class Settings(ExpandableSettings):
    """A whole backbone for each step."""
