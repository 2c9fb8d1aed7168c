"""`meshcil verify FOLDER`: the audit of a folder by the code, settings and packages of a fresh clone.

A checkout that audits itself can be made to say anything. Here nothing of the folder is imported or run: its files are
only read, and compared with those of the clone's commit.
"""

import os
import sys
from pathlib import Path

from meshcil.cli.anchored import NOBODY, Trust
from meshcil.cli.audit import Inspection, inspect
from meshcil.cli.checkout import require_sources
from meshcil.cli.recomputation import NONE, Sample
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.installed import check_installed
from meshcil.lineage.tree import committed_files, differing_files, surplus_files


def verify(folder: Path, against: str | None = None, trust: Trust = NOBODY, sample: Sample = NONE) -> Inspection:
    """Audit ``folder``, which becomes the working folder.

    Args:
        folder: with `results`, `reports` and `data`, and perhaps the code that made them.
        against: see `meshcil.cli.audit.inspect`, as for the others.
        trust: what must have signed that.
        sample: training steps to run again.

    Raises:
        InputError: when the folder is none, or the command's own code is not exactly a commit or comes from the folder.
    """
    root, folder = repository_root(), folder.resolve()
    require_sources(root)
    if not folder.is_dir():
        raise InputError(folder, "is no folder", "Name the folder with results, reports and data")
    if root.is_relative_to(folder) or any(Path(place).resolve().is_relative_to(folder) for place in sys.path):
        cause = "is where this command's own code comes from"
        raise InputError(folder, cause, "Run `make setup` in a fresh clone elsewhere, and use its `.venv/bin/meshcil`")
    commit, files = committed_files(root)
    own = next((f for found in (differing_files, surplus_files) for f in found(root, files)), None)
    if own is not None:
        raise InputError(root, f"is not commit {commit[:12]} ({own})", "Clone the repository anew")
    os.chdir(folder)
    findings, notes = _code(commit, files)
    found = inspect(against, trust, sample, outside=True)
    # Of a file that differs from the commit's, the records say it too: once is enough.
    known = {finding.partition(": ")[0] for finding in findings}
    findings += [finding for finding in found.findings if finding.partition(": ")[0] not in known]
    return Inspection(tuple(findings), (*notes, *found.notes), found.jobs, found.anchor, found.held)


def _code(commit: str, files: dict[str, str]) -> tuple[list[str], list[str]]:
    """What the working folder has of code and packages, against the clone's."""
    here, notes = Path(), [f"judged by the code and the settings of commit {commit[:12]} in {repository_root()}"]
    findings = check_installed()
    packages = sorted(here.glob(".venv/lib/python*/site-packages"))
    if not any((here / name).exists() for name in ("src", "config", "Snakefile")):
        notes.append("the folder holds no code: only results, reports and data are judged")
    else:
        findings += [*differing_files(here, files), *surplus_files(here, files)]
    if not packages:
        notes.append("the folder has no .venv: the packages that jobs ran with are known by their versions alone")
    return findings + [finding for folder in packages for finding in check_installed(folder)], notes
