"""Base of every configuration model and the reading of YAML files with ``extends``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from meshcil.core.errors import InputError


class Settings(BaseModel):
    """A configuration block: unknown keys are refused, values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


SettingsType = TypeVar("SettingsType", bound=Settings)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read one YAML mapping; a key ``extends: name`` is merged over the file ``name.yaml`` beside it.

    Raises:
        InputError: when the file is missing, not YAML, not a mapping, or extends itself.
    """
    return _read_chain(Path(path), ())


def _read_chain(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    if path in seen:
        raise InputError(path, "extends itself", "Break the circle of `extends:` keys")
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) if path.parent.is_dir() else "none"
        raise InputError(path, "does not exist", f"Known in {path.parent.name}: {known}")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(path, f"is not valid YAML ({reason})", "Correct the syntax") from error
    if not isinstance(content, dict):
        raise InputError(path, "is not a mapping of keys to values", "Start it with `key: value` lines")
    parent = content.pop("extends", None)
    if parent is None:
        return content
    return _merge(_read_chain(path.with_name(f"{parent}.yaml"), (*seen, path)), content)


def yaml_files(path: Path) -> tuple[Path, ...]:
    """A file that `read_yaml` accepts and the files it extends, nearest first."""
    files = [Path(path)]
    while parent := yaml.safe_load(files[-1].read_text(encoding="utf-8")).get("extends"):
        files.append(files[-1].with_name(f"{parent}.yaml"))
    return tuple(files)


def _merge(base: dict[str, Any], override: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def validate(model: type[SettingsType], content: Any, where: str | Path) -> SettingsType:
    """Build ``model`` from ``content``.

    Raises:
        InputError: naming the file and every key that is unknown, missing or of a wrong type.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = "; ".join(f"`{'.'.join(map(str, e['loc'])) or 'file'}`: {e['msg']}" for e in error.errors())
        raise InputError(where, problems, f"Keys and types of {model.__name__} are in config/README.md") from error


def load_settings(model: type[SettingsType], path: Path) -> SettingsType:
    """Read and validate one YAML file; see `read_yaml` and `validate`."""
    return validate(model, read_yaml(path), path)


def load_by_kind(settings_of: Callable[[str], type[SettingsType]], path: Path, example: str) -> SettingsType:
    """Read and validate one YAML file with the settings class that its ``kind`` names.

    Args:
        settings_of: the class of a kind.
        path: of the file.
        example: a kind, for the message.

    Raises:
        InputError: when the file is missing, names no known kind, or does not validate.
    """
    content = read_yaml(path)
    if not isinstance(content.get("kind"), str):
        raise InputError(path, "has no `kind`", f"Name the module in {path.parent.name}, e.g. `kind: {example}`")
    return validate(settings_of(content["kind"]), content, path)
