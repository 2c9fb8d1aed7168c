"""Options of the figure `two-tasks`."""

from typing import Literal

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of figure."""

    show: Literal["course", "movement", "picture", "spread"] = "course"
    """Accuracy on the first task while the aligner learns; how far the second task shifts each latent dimension, and
    how far alignment moves it back; latents of the first task in two dimensions; or what each seed comes to."""
    published: dict[str, dict[Literal["after_second", "aligned"], float]] = {}
    """`spread`: percent that the paper states, by study."""
