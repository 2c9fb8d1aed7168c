"""`meshcil list`: the experiments, methods, datasets and protocols there are, a line each."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from meshcil.config.experiment import load_experiment
from meshcil.config.run import load_dataset, load_method, load_protocol
from meshcil.config.variants import method_names
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError

_TEXTS: Mapping[str, Callable[[str, Path], str]] = {
    "experiments": lambda name, config: load_experiment(name, config).title,
    "methods": lambda name, config: "{0.label}: {0.description}".format(load_method(name, config)),
    "datasets": lambda name, config: load_dataset(name, config).description,
    "protocols": lambda name, config: load_protocol(name, config).description,
}


def listed(kinds: Sequence[str]) -> str:
    """A line for each name of these kinds, or of all kinds.

    Raises:
        InputError: when there is no such kind.
    """
    unknown = [kind for kind in kinds if kind not in _TEXTS]
    if unknown:
        raise InputError(f"`{unknown[0]}`", "cannot be listed", f"Choose from {', '.join(_TEXTS)}")
    config = repository_root() / "config"
    blocks = []
    for kind in kinds or _TEXTS:
        files = sorted(path.stem for path in (config / kind).glob("*.yaml"))
        names = method_names(config) if kind == "methods" else files
        width = max(map(len, names), default=0)
        lines = [f"  {name:{width}s}  {' '.join(_TEXTS[kind](name, config).split())}" for name in names]
        blocks.append("\n".join([f"{kind}:", *lines]))
    return "\n".join(blocks)
