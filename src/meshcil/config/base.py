"""Base of every configuration model and the reading of YAML files with ``extends``."""

import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # pyright: ignore[reportAttributeAccessIssue]
from yaml.resolver import Resolver

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.core.naming import known_names

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
NAME_LENGTH = 100
"""Characters of a name at most: a file is called after several."""
_NAME_RULE = f"Names are of lower-case letters, digits, and `-` between them, not `_`: {NAME_LENGTH} characters at most"
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=NAME_LENGTH)]
"""Part of a path that Snakemake tells from its neighbours (docs/wildcards.md)."""


def _check_label(text: str) -> str:
    """Labels and class names stand in tables, which spreadsheets open, and in figures, which take `$` for a formula."""
    if not text.isprintable() or "$" in text or text != text.strip() or text.startswith(("=", "+", "-", "@")):
        rule = "may hold neither `$` nor control characters, nor begin with a space or one of =+-@"
        raise ValueError(f"{text[:50]!r} {rule}")
    return text


def _check_class_name(text: str) -> str:
    if "/" in text or "\\" in text or text.startswith("."):
        raise ValueError(f"{text[:50]!r} is part of a path: it may not hold a slash nor begin with a point")
    return text


Label = Annotated[str, StringConstraints(min_length=1, max_length=80), AfterValidator(_check_label)]
"""What stands for something in tables and figures."""
ClassName = Annotated[Label, AfterValidator(_check_class_name)]
"""A category, which is also the name of a folder."""
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>()\[\]]+$")]
"""A page of the web, to which a link leads."""
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What every generator of random numbers here can be started from."""


def is_name(text: str) -> bool:
    """Whether a text is a `Name`."""
    return len(text) <= NAME_LENGTH and re.fullmatch(NAME, text) is not None


class Settings(BaseModel):
    """A configuration block: unknown keys are refused, values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


SettingsType = TypeVar("SettingsType", bound=Settings)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping; a key ``extends: name`` is merged over the file ``name.yaml`` beside it.

    Raises InputError when the file is missing, not YAML, not a mapping, has a key twice, or extends itself.
    """
    return _read_chain(Path(path), ())


def _read_chain(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise InputError(path, "extends itself", "Break the circle of `extends:` keys")
    content = read_mapping(path)
    parent = content.pop("extends", None)
    if parent is None:
        return content
    if not isinstance(parent, str) or not is_name(parent):
        raise InputError(path, f"`extends` is {parent!r}, which is not a valid name", _NAME_RULE)
    return merge(_read_chain(path.with_name(f"{parent}.yaml"), (*seen, path)), content)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read one YAML mapping as it is written.

    Raises InputError when the file is missing, not YAML, not a mapping, or has a key twice.
    """
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.yaml"))
        remedy = known_names(path.stem, known, f"Known in {path.parent.name}")
        raise InputError(path, "does not exist", f"{remedy}; `meshcil list` shows all")
    try:
        content = parse_yaml(path)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split()).replace('in "<unicode string>",', "in")
        raise InputError(path, f"is not valid YAML ({reason})", "Correct the syntax") from error
    if not isinstance(content, dict):
        raise InputError(path, "is not a mapping of keys to values", "Start it with `key: value` lines")
    return content


def check_columns(select: Iterable[str], known: Sequence[str]) -> None:
    """Refuse a selection by columns that scores do not have. Raises ValueError naming them, for a validator."""
    unknown = sorted(set(select) - set(known))
    if unknown:
        raise ValueError(f"select has the unknown columns {', '.join(unknown)}; known: {', '.join(known)}")


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """Refuses a key that a mapping has twice: YAML forbids it, and PyYAML would silently take the last one.

    Also refuses what is nested too deeply, or too large with its aliases written out: small files can ask for hours.
    PyYAML's own `CSafeLoader` composes in C, where nothing can be refused; its parser alone saves most of the time.
    """

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)

    level = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        alias = self.check_event(yaml.AliasEvent)
        self.level += 1
        self._refuse_beyond(self.level, 0)
        node = super().compose_node(parent, index)
        self.level -= 1
        sizes: dict[int, tuple[int, int]] = self.__dict__.setdefault("sizes", {})
        if alias and id(node) not in sizes:
            raise InputError(self.name, "has an alias inside the value that it stands for", "Write the values out")
        if node is not None and not alias:
            entries = node.value if isinstance(node, yaml.CollectionNode) else ()
            inner = [sizes[id(one)] for entry in entries for one in (entry if isinstance(entry, tuple) else (entry,))]
            depth, size = max((one[0] for one in inner), default=0) + 1, sum(one[1] for one in inner) + 1
            self._refuse_beyond(depth, size)
            sizes[id(node)] = depth, size
        return node

    def _refuse_beyond(self, depth: int, size: int) -> None:
        if depth > limits.DEPTH:
            raise InputError(self.name, f"is nested more than {limits.DEPTH} deep", "Make it flatter")
        if size > limits.NODES:
            cause = f"holds more than {limits.NODES:,} values once its aliases are expanded"
            raise InputError(self.name, cause, "Use fewer aliases")

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Before aliases and `<<` are filled in, so that only what is written counts: a merged key may be overridden.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                own, line = (key.tag, key.value), key.start_mark.line + 1
                if own in lines:
                    cause = f"has the key `{key.value}` in line {lines[own]} and again in line {line}"
                    raise InputError(self.name, cause, "Make one of the two, or rename one")
                lines[own] = line
        return node


def parse_yaml(path: Path) -> Any:
    """What one YAML file holds.

    Raises InputError when it cannot be read, a mapping has a key twice, or it is too large or nested too deeply, and
    yaml.YAMLError when it is not YAML.
    """
    # A plan reads a file once for each run that it concerns; a copy, as callers take it apart.
    return copy.deepcopy(_parsed(str(path), limits.read_text(path, limits.TEXT_BYTES, "Correct the file")))


@cache
def _parsed(name: str, text: str) -> Any:
    loader = _Loader(text)
    loader.name = name
    try:
        return loader.get_single_data()
    except (ValueError, TypeError, OverflowError, AttributeError) as error:  # of dates and numbers that there are not
        if isinstance(error, InputError):
            raise
        raise InputError(name, f"holds a value that cannot be read ({error})", "Put it in quotes") from error
    finally:
        loader.dispose()


def named_file(config: Path, kind: str, name: str) -> Path:
    """`<config>/<kind>/<name>.yaml`, which need not exist.

    Raises InputError when the name is none, such as one that leads out of the folder.
    """
    if not is_name(name):
        raise InputError(f"`{name[:NAME_LENGTH]}`", f"is not a valid file name in {config / kind}", _NAME_RULE)
    return config / kind / f"{name}.yaml"


def yaml_files(path: Path) -> tuple[Path, ...]:
    """A file that `read_yaml` accepts and the files it extends, nearest first."""
    files = [Path(path)]
    while parent := read_mapping(files[-1]).get("extends"):
        files.append(files[-1].with_name(f"{parent}.yaml"))
    return tuple(files)


def merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    """``base`` with the values of ``override``; mappings that both have are merged key by key."""
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def validate(model: type[SettingsType], content: Any, where: str | Path) -> SettingsType:
    """Build ``model`` from ``content``.

    Raises InputError naming the file and every key that is unknown, missing or of a wrong type.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(_problems(error))
        raise InputError(where, problems, "All keys and their types are in config/README.md") from error


def _problems(error: ValidationError) -> Iterator[str]:
    found = error.errors()
    for one in found:
        place = one["loc"]
        # A list whose entries are wrong is then also said to be too short, as if there were none.
        inside = any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in found)
        if not (one["type"] == "too_short" and inside):
            yield f"`{'.'.join(map(str, place)) or 'file'}`: {_problem(one)}"


def _problem(error: Mapping[str, Any]) -> str:
    if error.get("ctx", {}).get("pattern") == NAME:
        return f"`{error['input']}` is not a valid name. {_NAME_RULE}"
    if error["type"] == "string_type" and isinstance(error["input"], bool | int | float):
        return f"{error['input']!r} is not text. Put it in quotes"
    return str(error["msg"]).removeprefix("Value error, ")


def load_settings(model: type[SettingsType], path: Path) -> SettingsType:
    """Read and validate one YAML file; see `read_yaml` and `validate`."""
    return validate(model, read_yaml(path), path)


def load_by_kind(settings_of: Callable[[str], type[SettingsType]], path: Path, example: str) -> SettingsType:
    """Read and validate one YAML file with the settings class that its ``kind`` (such as ``example``) names.

    Raises InputError when the file is missing, names no known kind, or does not validate.
    """
    return validate_by_kind(settings_of, read_yaml(path), path, example)


def validate_by_kind(
    settings_of: Callable[[str], type[SettingsType]], content: Mapping[str, Any], where: str | Path, example: str
) -> SettingsType:
    """Validate settings with the class that their ``kind`` names; see `load_by_kind`."""
    if not isinstance(content.get("kind"), str):
        raise InputError(where, "has no `kind`", f"Name a module, e.g. `kind: {example}`")
    try:
        model = settings_of(content["kind"])
    except InputError as error:
        raise InputError(where, f"kind `{content['kind']}` is unknown", error.remedy) from error
    return validate(model, content, where)
