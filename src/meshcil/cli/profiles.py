"""Profiles: what every run shares, what a kind of machine adds, what this machine overrides; merged into one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from meshcil.config.base import parse_yaml
from meshcil.core.artifacts import write_text_atomic
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError

MERGED = Path("logs/profile/config.yaml")


def profile_folder() -> Path:
    """Where the profiles lie."""
    return repository_root() / "workflow" / "profiles"


def known_profiles() -> list[str]:
    """Names for `--profile`; `default` is always included."""
    return sorted(path.parent.name for path in profile_folder().glob("*/config.yaml") if path.parent.name != "default")


def load_profile(name: str | None, folder: Path | None = None) -> dict[str, Any]:
    """The settings of a profile: `default`, then ``name``, then `local.yaml` of this machine.

    Mappings, and lists of `name=value`, are merged entry by entry; of anything else the last value counts, and an
    entry that becomes null is dropped.

    Args:
        name: a folder beside `default`, or None.
        folder: where the profiles lie.

    Raises:
        InputError: when there is no such profile, or a file is no mapping or has a key twice.
    """
    folder = folder or profile_folder()
    if name is not None and not (folder / name / "config.yaml").is_file():
        raise InputError(f"profile {name!r}", f"is not in {folder}", f"Known: {', '.join(known_profiles())}")
    layers = [folder / "default" / "config.yaml", *([folder / name / "config.yaml"] if name else [])]
    merged: dict[str, Any] = {}
    for path in (*layers, folder / "local.yaml"):
        if path.is_file():
            merged = _merge(merged, _read(path))
    return merged


def write_profile(settings: Mapping[str, Any]) -> Path:
    """Write the merged profile where Snakemake reads it and a person can look it up; its folder."""
    write_text_atomic(MERGED, yaml.safe_dump(dict(settings), sort_keys=True, allow_unicode=True))
    return MERGED.parent


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parse_yaml(path) or {}
    except yaml.YAMLError as error:
        raise InputError(path, f"is not valid YAML ({error})", "Correct the file") from error
    if not isinstance(content, dict):
        raise InputError(path, "is not a mapping of settings", "Write it like workflow/profiles/slurm/config.yaml")
    return {key: _as_mapping(value) for key, value in content.items()}


def _as_mapping(value: Any) -> Any:
    # Snakemake takes resources as a list of `name=value` or as a mapping; only mappings can be merged.
    if isinstance(value, list) and value and all(isinstance(entry, str) and "=" in entry for entry in value):
        pairs = (entry.split("=", 1) for entry in value)
        return {name: yaml.safe_load(text) for name, text in pairs}
    return value


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return {key: value for key, value in merged.items() if value is not None}
