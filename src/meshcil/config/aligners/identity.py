"""Settings of the aligner that does nothing."""

from meshcil.config.aligners.base import AlignerSettings


class Settings(AlignerSettings):
    """Latents stay what they are: shows what the gates do by themselves."""
