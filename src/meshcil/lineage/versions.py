"""What dvc.lock says of files: their digests, and whether it still holds."""

import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

LOCK = Path("dvc.lock")
_CACHE = Path(".dvc/cache/files/md5")


def check_dvc() -> tuple[list[str], list[str]]:
    """Compare dvc.lock with the working folder, as `dvc status` does.

    Returns:
        Findings and notes.
    """
    if not LOCK.exists():
        return [], [f"there is no {LOCK} here: DVC holds no version of these results"]
    command = [sys.executable, "-m", "dvc", "status", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    try:
        stages = json.loads(done.stdout)
    except json.JSONDecodeError:
        return [f"{LOCK}: cannot be checked ({' '.join(done.stderr.split()) or 'dvc gave no answer'})"], []
    return [finding for stage, changes in stages.items() for finding in _findings(stage, changes)], []


def _findings(stage: str, changes: list[Any]) -> list[str]:
    found = []
    for change in changes:
        if isinstance(change, str):
            found.append(f"{LOCK}: {change} in stage {stage}")
            continue
        for kind, paths in change.items():
            what = kind.removeprefix("changed ").removesuffix("s")
            found += [f"{path}: is {how} by {LOCK} ({what} of stage {stage})" for path, how in paths.items()]
    return found


def dvc_versions() -> dict[str, str]:
    """Path -> md5 of every output in dvc.lock; folders end in `.dir`. Empty without a readable dvc.lock."""
    try:
        content = yaml.safe_load(LOCK.read_text(encoding="utf-8"))
        outs = [out for stage in content["stages"].values() for out in stage.get("outs", [])]
        return {out["path"]: out["md5"] for out in outs}
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def dvc_md5(path: str, versions: dict[str, str]) -> str | None:
    """md5 of a file by dvc.lock; of the folder around it when DVC's list of that folder is not here."""
    for folder in (PurePosixPath(path), *PurePosixPath(path).parents):
        md5 = versions.get(folder.as_posix())
        if md5 is None:
            continue
        if folder.as_posix() == path:
            return md5
        return _member(md5, PurePosixPath(path).relative_to(folder).as_posix()) or md5
    return None


def _member(md5: str, name: str) -> str | None:
    try:
        listed = json.loads((_CACHE / md5[:2] / md5[2:]).read_text(encoding="utf-8"))
        return next((entry["md5"] for entry in listed if entry["relpath"] == name), None)
    except (OSError, ValueError, KeyError, TypeError):
        return None
