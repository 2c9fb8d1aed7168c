"""Options of the table `comparison`."""

from meshcil.config.base import Settings


class Options(Settings):
    """Settings of this kind of table."""

    reference: str = ""
    """Method that the others are compared with; the first one when empty."""
    test_sets: tuple[str, ...] = ()
    """Further test sets whose accuracy after the last step gets a column."""
