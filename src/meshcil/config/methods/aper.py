"""Settings of APER."""

from typing import Literal

from meshcil.config.classifier import FrozenSettings


class Settings(FrozenSettings):
    """The nearest class mean on a network as it is loaded and as the first step adapts it."""

    adapt: Literal[True] = True
    """The network is always trained in the first step; without that the method is `simplecil`."""
