"""Settings of FeTrIL."""

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """A backbone that never changes after the first step; old classes' features are made from new ones."""

    replay = "never"
