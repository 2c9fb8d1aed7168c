"""The one exception for bad input: a message a person can act on, exit code 2, no traceback."""

from pathlib import Path


def explained(section: str) -> str:
    """Address of a heading of the page that explains messages, to end one with."""
    return f"docs/troubleshooting.md#{section}"


class InputError(ValueError):
    """Something the user gave (a file, a setting, an image) cannot be used.

    Args:
        where: the file or setting that is wrong.
        cause: what is wrong with it.
        remedy: what to do about it.
        section: heading of docs/troubleshooting.md that says more, as in its address.

    It derives from ``ValueError`` so that library users may catch it as such; the command line
    prints it as one message and exits with code 2.
    """

    def __init__(self, where: str | Path, cause: str, remedy: str, section: str = "") -> None:
        if section:
            remedy = f"{remedy} ({explained(section)})"
        super().__init__(f"{where}: {cause}. {remedy}")
        self.where = str(where)
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str]]:
        # Exceptions cross process borders by their arguments; the default would pass the finished message as one.
        return type(self), (self.where, self.cause, self.remedy)
