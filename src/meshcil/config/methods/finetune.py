"""Settings of finetune."""

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """Train on the new classes only: the floor."""

    replay = "never"
