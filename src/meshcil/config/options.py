"""Options of the kinds of tables, figures and pictures, which need none of what draws them."""

from meshcil.config.base import Settings
from meshcil.core.naming import available, load_object


class NoOptions(Settings):
    """Options of a kind that has one form."""


def options_class(folder: str, kind: str) -> type[Settings]:
    """`Options` of a kind: of its module in `meshcil.config`; a kind without a module there takes none.

    Args:
        folder: `tables`, `figures` or `pictures`.
        kind: name, as in YAML files.
    """
    package = f"meshcil.config.{folder}"
    return load_object(package, kind, "Options") if kind in available(package) else NoOptions
