"""`meshcil publish`: results in the DVC remote."""

import sys
from pathlib import Path

from meshcil.cli.anchored import sign
from meshcil.cli.audit import inspect
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import ANCHOR, shown_experiments
from meshcil.lineage.audit import find_records
from meshcil.lineage.versions import LOCK, dvc, kept_experiments, uncovered

_DIFFERENCES = "differs from its records or from dvc.lock"


def publish(key: Path | None = None) -> list[str]:
    """Push what DVC keeps, if the audit passes and nothing would be missing in a clone.

    Args:
        key: that signs the anchor, if any.

    Returns:
        Files and folders to commit to git.

    Raises:
        InputError: when something was altered, the report shows other experiments, an output is kept nowhere, or
            nothing can be pushed.
    """
    if not LOCK.is_file():
        raise InputError(LOCK, "does not exist", "Run `make reproduce` for the experiments that dvc.yaml names")
    shown = shown_experiments(find_records().behind)
    if shown != kept_experiments():
        cause = f"keeps {kept_experiments()}, but the report shows {shown}"
        raise InputError("dvc.yaml", cause, "Correct it, or run `make reproduce` without EXPERIMENT")
    refuse_differences("Run `make audit`, and `make reproduce` for what is missing")
    missing = uncovered(find_records().behind)
    if missing:
        cause = f"keeps no version of {missing[0]} and {len(missing) - 1} more outputs"
        raise InputError(LOCK, cause, "Name their experiments and rendered datasets in dvc.yaml, then `make reproduce`")
    signed = [sign(key).as_posix()] if key else []
    call_dvc("push", "Check the remote: `dvc remote list`")
    return [LOCK.as_posix(), ANCHOR.as_posix(), *signed, *_kept_by_git()]


def refuse_differences(remedy: str) -> None:
    """Audit the folder.

    Raises:
        InputError: with ``remedy``, when something differs; prints what.
    """
    found = inspect().findings
    for finding in found:
        print(finding, file=sys.stderr)
    if found:
        raise InputError(Path.cwd(), f"{_DIFFERENCES} in {len(found)} places, listed above", remedy)


def call_dvc(command: str, remedy: str) -> None:
    """Run a command of DVC.

    Raises:
        InputError: with what DVC said and ``remedy``, when it fails.
    """
    done = dvc(command)
    if done.returncode:
        raise InputError(f"dvc {command}", " ".join(done.stderr.split()) or "failed", remedy)


def _kept_by_git() -> list[str]:
    """Outputs that DVC describes but does not store."""
    from dvc.repo import Repo

    with Repo() as repo:
        outs = [out for out in repo.index.outs if not out.use_cache]
        return sorted(Path(out.fs_path).relative_to(Path.cwd()).as_posix() for out in outs)
