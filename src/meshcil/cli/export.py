"""`meshcil export`: the results for readers who do not use this project."""

import subprocess
from getpass import getuser
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.anchor import shown_experiments
from meshcil.lineage.audit import beside_report, current, divide
from meshcil.lineage.crate import About, Crate, crate_files
from meshcil.lineage.reading import read_records, record_files

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
    records, damaged = read_records()
    beside = beside_report(damaged, records)
    if findings := [finding for finding in damaged if finding not in beside]:
        raise InputError(Path.cwd(), findings[0], "Run `meshcil audit`; only sound records are exported")
    experiments = shown_experiments(records)
    if experiments is None:
        raise InputError("reports", "holds no report", "Run `make reproduce` first")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(folder, "exists already", "Name a new folder")
    records = current(divide(records)[0])
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
    done = subprocess.run(["git", "-C", str(repository_root()), *arguments], capture_output=True, text=True)
    return done.stdout.strip()
