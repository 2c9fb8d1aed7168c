"""Loading by name: method ``memo`` is module ``meshcil.methods.memo``; adding one edits no registry."""

import difflib
import importlib
import importlib.util
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from meshcil.core.errors import InputError

_SHOWN = 5


def module_name(package: str, name: str) -> str:
    """Module of ``package`` for the configured ``name`` (``-`` becomes ``_``)."""
    return f"{package}.{name.replace('-', '_')}"


def load_module(package: str, name: str) -> ModuleType:
    """Import the module that ``name`` stands for.

    Raises InputError when the package has no such module; the message lists those it has, see `known_names`.
    """
    target = module_name(package, name)
    if not name.replace("-", "_").isidentifier() or importlib.util.find_spec(target) is None:
        raise InputError(name, f"is not in {package}", known_names(name, available(package)))
    return importlib.import_module(target)


def load_object(package: str, name: str, attribute: str) -> Any:
    """Attribute ``attribute`` of the module that ``name`` stands for; see `load_module`."""
    return getattr(load_module(package, name), attribute)


def known_names(name: str, known: Sequence[str], title: str = "Known") -> str:
    """What to say of an unknown name: the one that was probably meant, then at most five of those that exist."""
    near = difflib.get_close_matches(name, known, n=_SHOWN, cutoff=0.0 if len(known) > _SHOWN else 0.6)
    meant = difflib.get_close_matches(name, near, n=1)
    shown = known if len(known) <= _SHOWN else near
    more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    return "".join(f"Did you mean `{one}`? " for one in meant) + f"{title}: {', '.join(shown) or 'none'}{more}"


def near_names(name: str, known: Sequence[str], title: str) -> str:
    """What to say of a name that does not exist where there are too many to list: at most five that are like it."""
    near = difflib.get_close_matches(name, known, n=_SHOWN, cutoff=0.4)
    return (
        f"Did you mean {', '.join(f'`{one}`' for one in near)}?"
        if near
        else f"None of the {len(known)} {title} is like it"
    )


def available(package: str) -> list[str]:
    """Names that can be loaded from ``package``, sorted; ``base`` is its abstract part."""
    import pkgutil

    spec = importlib.util.find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    found = pkgutil.iter_modules(list(locations or []))
    return sorted(m.name.replace("_", "-") for m in found if m.name != "base" and not m.name.startswith("_"))
