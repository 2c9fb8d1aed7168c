"""Methods by name: files of `config/methods` hold one each, with variants; `config/recipes` has what several share.

A variant changes what it lists; its name is that of its file and its own, joined by `-`. Variants may have variants.
The recipe comes first, then the file, then the variant; of several recipes the one named last counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from meshcil.config.base import NAME, merge, named_file, read_mapping, read_yaml, yaml_files
from meshcil.core.errors import InputError
from meshcil.core.naming import near_names


@dataclass(frozen=True)
class MethodSource:
    """What the files say of one method."""

    path: Path  # of the method's file
    variant: str  # its name in that file; empty for the method itself
    content: dict[str, Any]  # settings, to be validated
    files: tuple[Path, ...]  # all that were read for it, the method's own first

    @property
    def where(self) -> str:
        """File and variant, for a message."""
        return f"{self.path}, variant `{self.variant}`" if self.variant else str(self.path)


def method_names(config: Path) -> list[str]:
    """Names of all methods and variants, sorted.

    Raises InputError when a file cannot be read, or two variants have the same name.
    """
    files = sorted((config / "methods").glob("*.yaml"))
    return sorted(f"{path.stem}-{variant}" if variant else path.stem for path in files for variant in _blocks(path))


def find_method(name: str, config: Path) -> MethodSource:
    """What the files say of the method or variant ``name``.

    Raises InputError when there is none of that name, or a file is wrong; it names the file and at most five near
    names.
    """
    wanted = named_file(config, "methods", name)
    parts = name.split("-")
    # `der-cifar` is in der.yaml unless there is a file of that name.
    stems = ("-".join(parts[:end]) for end in range(len(parts), 0, -1))
    files = [path for stem in stems if (path := wanted.with_name(f"{stem}.yaml")).is_file()]
    for path in files:
        variant, blocks = name[len(path.stem) + 1 :], _blocks(path)
        if variant in blocks:
            recipe = _recipe(blocks[variant], config, path)
            content = {key: value for key, value in blocks[variant].items() if key != "recipe"}
            shared = read_yaml(recipe) if recipe else {}
            return MethodSource(path, variant, merge(shared, content), (path, *(yaml_files(recipe) if recipe else ())))
    if not files:
        raise InputError(wanted, "does not exist", near_names(name, method_names(config), "methods"))
    variant = name[len(files[0].stem) + 1 :]
    raise InputError(files[0], f"has no variant `{variant}`", near_names(variant, list(_blocks(files[0])), "variants"))


def _recipe(block: dict[str, Any], config: Path, path: Path) -> Path | None:
    recipe = block.get("recipe")
    if recipe is not None and not isinstance(recipe, str):
        raise InputError(path, f"`recipe` is {recipe!r}", "Name one file of config/recipes")
    return None if recipe is None else named_file(config, "recipes", recipe)


def _blocks(path: Path) -> dict[str, dict[str, Any]]:
    """Settings of the method and of each variant by name, the method's own under the empty one."""
    # A plan asks for variants of one file many times, and reading YAML is slow.
    return _parsed(path, path.read_bytes())


@lru_cache(maxsize=64)
def _parsed(path: Path, _content: bytes) -> dict[str, dict[str, Any]]:
    blocks: dict[str, dict[str, Any]] = {}
    for name, block in _walk(path, "", read_mapping(path)):
        if name in blocks:
            raise InputError(path, f"has two variants `{name}`", "Rename one of them")
        if name and path.with_name(f"{path.stem}-{name}.yaml").is_file():
            raise InputError(path, f"variant `{name}` is also a file, {path.stem}-{name}.yaml", "Rename one of them")
        blocks[name] = block
    return blocks


def _walk(path: Path, name: str, block: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    own = {key: value for key, value in block.items() if key != "variants"}
    yield name, own
    variants = block.get("variants", {})
    if not isinstance(variants, dict):
        raise InputError(path, "`variants` is not a mapping", "Write `<name>: {<settings that differ>}` below it")
    for key, changes in variants.items():
        where = f"variant `{key}`"
        if not isinstance(key, str) or re.fullmatch(NAME, key) is None:
            raise InputError(
                path, f"{where} has no valid name", 'Use lower-case letters, digits and `-`; quote digits: "20"'
            )
        if not isinstance(changes, dict):
            raise InputError(path, f"{where} is not a mapping", "List the settings that it changes")
        yield from _walk(path, f"{name}-{key}" if name else key, merge(own, changes))
