"""Settings of replay."""

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """Train on new images and exemplars alike."""

    replay = "required"
