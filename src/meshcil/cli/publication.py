"""`meshcil publish` and `meshcil restore`: results in the DVC remote, and back in a clone without training again."""

import subprocess
import sys
from pathlib import Path

from meshcil.cli.inspection import inspect
from meshcil.cli.profiles import profile_folder
from meshcil.cli.submission import lock
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import ANCHOR, shown_experiments
from meshcil.lineage.audit import current, divide
from meshcil.lineage.reading import read_records
from meshcil.lineage.versions import LOCK, dvc, kept_experiments, uncovered

_DIFFERENCES = "differs from its records or from dvc.lock"


def publish() -> list[str]:
    """Push what DVC keeps, if the audit passes and nothing would be missing in a clone.

    Returns:
        Files and folders to commit to git.

    Raises:
        InputError: when something was altered, the report shows other experiments, an output is kept nowhere, or
            nothing can be pushed.
    """
    if not LOCK.is_file():
        raise InputError(LOCK, "does not exist", "Run `make reproduce` for the experiments that dvc.yaml names")
    shown = shown_experiments(read_records()[0])
    if shown != kept_experiments():
        cause = f"keeps {kept_experiments()}, but the report shows {shown}"
        raise InputError("dvc.yaml", cause, "Correct it, or run `make reproduce` without EXPERIMENT")
    _refuse_differences("Run `make audit`, and `make reproduce` for what is missing")
    missing = uncovered(divide(current(read_records()[0]))[0])
    if missing:
        cause = f"keeps no version of {missing[0]} and {len(missing) - 1} more outputs"
        raise InputError(LOCK, cause, "Name their experiments and rendered datasets in dvc.yaml, then `make reproduce`")
    _dvc("push", "Check the remote: `dvc remote list`")
    return [LOCK.as_posix(), ANCHOR.as_posix(), *_kept_by_git()]


def restore() -> str:
    """Get results from the remote and let the workflow take them for its own, if the audit passes.

    Returns:
        What the workflow says it would still run.

    Raises:
        InputError: when results cannot be had, or are not what the records and dvc.lock say.
    """
    if not LOCK.is_file():
        raise InputError(LOCK, "does not exist; this commit publishes no results", "Run `make reproduce`")
    lock()
    _dvc("pull", "Check the remote: `dvc remote list`; another place: `dvc remote modify --local local url PLACE`")
    _refuse_differences("Check out the commit that was published; nothing was marked as up to date")
    # File times of a clone mean nothing. Only what was just checked is marked as newer than what it was made from.
    _snakemake("--touch", "--forceall")
    left = _snakemake("--dry-run", "--quiet", "rules")
    return "nothing" if "Nothing to be done" in left else left


def _refuse_differences(remedy: str) -> None:
    found = inspect().findings
    for finding in found:
        print(finding, file=sys.stderr)
    if found:
        raise InputError(Path.cwd(), f"{_DIFFERENCES} in {len(found)} places, listed above", remedy)


def _dvc(command: str, remedy: str) -> None:
    done = dvc(command)
    if done.returncode:
        raise InputError(f"dvc {command}", " ".join(done.stderr.split()) or "failed", remedy)


def _kept_by_git() -> list[str]:
    """Outputs that DVC describes but does not store."""
    from dvc.repo import Repo

    with Repo() as repo:
        outs = [out for out in repo.index.outs if not out.use_cache]
        return sorted(Path(out.fs_path).relative_to(Path.cwd()).as_posix() for out in outs)


def _snakemake(*arguments: str) -> str:
    place = [
        "--snakefile",
        str(repository_root() / "Snakefile"),
        "--workflow-profile",
        str(profile_folder() / "default"),
    ]
    chosen = ["--nolock", *arguments, "--config", f"experiment={kept_experiments()}"]
    done = subprocess.run([sys.executable, "-m", "snakemake", *place, *chosen], capture_output=True, text=True)
    if done.returncode:
        raise InputError("snakemake", done.stderr.strip() or done.stdout.strip(), "Run `make reproduce`")
    return (done.stdout + done.stderr).strip()
