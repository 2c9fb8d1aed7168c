"""Settings of joint training."""

from meshcil.config.methods.base import MethodSettings, PoseHeadSettings


class Settings(MethodSettings):
    """Train from scratch on all data of all seen classes: the ceiling, not an incremental method."""

    replay = "never"
    pose: PoseHeadSettings | None = None
    """Pose head; none when absent."""
