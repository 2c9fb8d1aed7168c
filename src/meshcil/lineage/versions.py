"""What dvc.lock says of files: their digests, and whether it still holds."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from meshcil.config.base import parse_yaml, read_yaml
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import shown_experiments
from meshcil.lineage.schema import Record
from meshcil.lineage.source import run_git

LOCK = Path("dvc.lock")
_MD5 = re.compile(r"[0-9a-f]+(\.dir)?")
_CACHE = Path(".dvc/cache/files/md5")
_SOURCES = ("config", "docs", "dvc.yaml", "requirements.lock", "src", "workflow")
"""What git keeps and stages depend on."""


def check_dvc(records: Mapping[Path, Record]) -> tuple[list[str], list[str]]:
    """Compare dvc.lock with the working folder, as `dvc status` does.

    DVC compares source and configuration byte by byte, comments included. Where these were edited after the jobs ran,
    their own digests decide, and what DVC says is only a note.

    Args:
        records: of the jobs, which name the commits that they ran from.

    Returns:
        Findings and notes.
    """
    if not LOCK.exists():
        return [], [f"there is no {LOCK} here: DVC holds no version of these results"]
    try:
        kept, shown = kept_experiments(), shown_experiments(records)
    except InputError as error:
        return [f"{error.where}: {error.cause}"], []
    if kept and shown and kept != shown:
        return [], [f"{LOCK} keeps {kept}, the report shows {shown}: what DVC holds is not compared"]
    done = dvc("status", "--json")
    try:
        stages = json.loads(done.stdout)
    except json.JSONDecodeError:
        return [f"{LOCK}: cannot be checked ({' '.join(done.stderr.split()) or 'dvc gave no answer'})"], []
    commits = {record.source.commit for record in records.values()}
    findings, notes = [], []
    for stage, changes in stages.items():
        for path, finding in _findings(stage, changes):
            (notes if _edited(path, commits) else findings).append(finding)
    return findings, notes


def kept_experiments() -> str | None:
    """The experiments that dvc.yaml keeps, as `make reproduce EXPERIMENT=` takes them; none if it names none.

    Raises:
        InputError: when dvc.yaml is not YAML.
    """
    path = Path("dvc.yaml")
    named = (
        [v.get("experiment") for v in read_yaml(path).get("vars", ()) if isinstance(v, dict)] if path.exists() else []
    )
    return next((name for name in named if isinstance(name, str)), None)


def dvc(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run DVC in the working folder."""
    # Isolated: a file of the working folder, such as `tqdm.py`, is no module of it.
    command = [sys.executable, "-I", "-m", "dvc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})


def _findings(stage: str, changes: list[Any]) -> list[tuple[str, str]]:
    """Path and sentence of each difference."""
    found = []
    for change in changes:
        if isinstance(change, str):
            found.append(("dvc.yaml", f"{LOCK}: {change} in stage {stage}"))
            continue
        for kind, paths in change.items():
            what = kind.removeprefix("changed ").removesuffix("s")
            for path, how in paths.items():
                how = how if isinstance(how, str) else f"modified ({', '.join(how)})"
                found.append((path, f"{path}: is {how} by {LOCK} ({what} of stage {stage})"))
    return found


def _edited(path: str, commits: Iterable[str | None]) -> bool:
    """Whether a file or folder under git differs from what it was when a job ran, or holds new files."""
    if path.partition("/")[0] not in _SOURCES:
        return False
    for commit in commits:
        if run_git("diff", "--quiet", commit or "HEAD", "--", path).returncode == 1:
            return True
    return bool(run_git("ls-files", "--others", "--exclude-standard", "--", path).stdout)


def uncovered(records: Mapping[Path, Record]) -> list[str]:
    """Outputs of jobs that are part of no output in dvc.lock, so that a clone would lack them."""
    kept = [PurePosixPath(path) for path in dvc_versions()]
    made = dict.fromkeys(entry.path for record in records.values() for entry in record.outputs if entry.base == "work")
    return [path for path in made if not any(PurePosixPath(path).is_relative_to(out) for out in kept)]


def dvc_versions() -> dict[str, str]:
    """Path -> md5 of every output in dvc.lock; folders end in `.dir`. Empty without a readable dvc.lock."""
    try:
        content = parse_yaml(LOCK)
        outs = [out for stage in content["stages"].values() for out in stage.get("outs", [])]
        return {out["path"]: out["md5"] for out in outs if _MD5.fullmatch(out["md5"])}
    except (ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError):
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
        listed = read_json(_CACHE / md5[:2] / md5[2:])
        return next((entry["md5"] for entry in listed if entry["relpath"] == name), None)
    except (ValueError, KeyError, TypeError):
        return None
