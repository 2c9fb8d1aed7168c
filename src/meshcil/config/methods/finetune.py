"""Settings of finetune."""

from meshcil.config.methods.base import MethodSettings, PoseHeadSettings


class Settings(MethodSettings):
    """Train on the new classes only: the floor."""

    replay = "never"
    pose: PoseHeadSettings | None = None
    """Pose head; none when absent."""
