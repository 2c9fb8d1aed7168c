"""The checkout that a command belongs to: its code, its settings, and the folder it works in."""

from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError

_SECTION = "the-environment"


def require_checkout() -> None:
    """Refuse a working folder for which this code is not the right one.

    A folder outside of any checkout is fine: there, the results are kept apart from the code.

    Raises:
        InputError: when the package has no checkout, or the working folder is in another one or deep in this one.
    """
    root, here = repository_root(), Path.cwd()
    require_sources(root)
    nearest = next((folder for folder in (here, *here.parents) if _is_checkout(folder)), root)
    if not nearest.samefile(root):
        cause = f"is a checkout of its own, but this command runs the code of {root}"
        raise InputError(
            nearest, cause, f"Run `make setup` in {nearest}, then {nearest / '.venv/bin/meshcil'}", _SECTION
        )
    if here.is_relative_to(nearest) and here != nearest:
        cause = "is inside the checkout, where no results are looked for"
        raise InputError(here, cause, f"Run `cd {nearest}` first", _SECTION)


def require_sources(root: Path) -> None:
    """Refuse a package that was installed without the checkout ``root``.

    Raises:
        InputError: when it has no configuration.
    """
    if not (root / "config/experiments").is_dir():
        cause = f"is installed without its checkout: {root} holds no config/experiments"
        raise InputError(
            "meshcil", cause, "Clone the repository, run `make setup` there, and use its `.venv/bin/meshcil`", _SECTION
        )


def _is_checkout(folder: Path) -> bool:
    return (folder / "src/meshcil").is_dir() and (folder / "config/experiments").is_dir()
