"""`meshcil export`: the results for readers who do not use this project."""

from getpass import getuser
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import shown_experiments
from meshcil.lineage.audit import find_records
from meshcil.lineage.crate import About, Crate, crate_files
from meshcil.lineage.reading import record_files
from meshcil.lineage.source import git

NOWHERE = "urn:meshcil:source"
"""Address of a checkout that has no remote."""


def export_crate(folder: Path, *, weights: bool) -> int:
    """Write what the report in the working folder rests on as a Provenance Run Crate; number of its files.

    Args:
        folder: must not exist, or be empty.
        weights: include the states of the networks.

    Raises:
        InputError: when there is no report, a record cannot be used, a file is missing, or the folder is in use.
    """
    if not record_files():
        raise InputError("reports", "holds no report", "Run `make reproduce` first")
    found = find_records()
    if found.damaged:
        raise InputError(Path.cwd(), found.damaged[0], "Run `meshcil audit`; only sound records are exported")
    experiments = shown_experiments(found.behind)
    if experiments is None:
        raise InputError("reports", "holds no report", "Run `make reproduce` first")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(folder, "exists already", "Name a new folder")
    records = found.behind
    files = crate_files(records, weights=weights)
    missing = [path for path, source in files.items() if not source.is_file()]
    if missing:
        raise InputError(missing[0], "does not exist", "Run `make reproduce`, or restore it")
    title = f"MeshCIL: {experiments}"
    description = f"Class-incremental learning, experiments {experiments}: results and how each of them was made."
    about = About(title, description, _git("config", "user.name") or getuser(), _address())
    Crate(about, records, files).write(folder)
    return len(files)


def _address() -> str:
    """Where the source is from."""
    found = _git("remote", "get-url", "origin")
    return found if found.startswith("https://") else NOWHERE


def _git(*arguments: str) -> str:
    return (git(repository_root(), *arguments) or b"").decode().strip()
