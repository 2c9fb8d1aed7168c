"""Settings of joint training."""

from meshcil.config.classifier import ClassifierSettings


class Settings(ClassifierSettings):
    """Train from scratch on all data of all seen classes: a reference, not an incremental method."""

    replay = "never"
