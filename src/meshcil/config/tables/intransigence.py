"""Options of the table `intransigence`."""

from pydantic import Field

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of table."""

    reference: str = Field("joint", min_length=1)
    """Method whose runs are the joint training; those of the same dataset, protocol and seed are compared."""
