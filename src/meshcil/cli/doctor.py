"""`meshcil doctor`: what this machine offers, and what to do where something is missing."""

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from meshcil.cli import slurm
from meshcil.cli.profiles import load_profile
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError
from meshcil.lineage.installed import check_lock
from meshcil.lineage.source import changed_files, git_refusal, is_checkout
from meshcil.tracking.stored import check_tracker

_NEEDED_GB = 5.0
_PATIENCE = 20.0


@dataclass(frozen=True)
class Finding:
    """One row of the table.

    Attributes:
        name: what was looked at.
        state: `ok`, `note` (works, but) or `bad`.
        found: what is there.
        remedy: what to do; empty when nothing is.
    """

    name: str
    state: str
    found: str
    remedy: str = ""


def diagnose() -> Iterator[Finding]:
    """Look at everything a run needs; the order is that of the table."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (_python, _lock, _disk, _git, _remote, _mlflow, _slurm, _gpu)
    for check in checks:
        yield from check()


def show(findings: list[Finding]) -> str:
    """Table for the terminal."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:5s}{finding.name:{width + 2}s}{finding.found}")
        if finding.remedy:
            lines.append(f"{'':{width + 7}s}-> {finding.remedy}")
    return "\n".join(lines)


def _python() -> Iterator[Finding]:
    # Another version would not have come this far: the package itself asks for 3.11 or newer.
    yield Finding("Python", "ok", f"{platform.python_version()} at {sys.executable}")


def _lock() -> Iterator[Finding]:
    wrong = check_lock({})
    if wrong:
        more = f", and {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
        yield Finding("packages", "bad", f"{wrong[0]}{more}", "make setup installs what the lock says")
    else:
        yield Finding("packages", "ok", "those of requirements.lock")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    remedy = f"Less than {_NEEDED_GB:.0f} GB can run short: free some space"
    short = free < _NEEDED_GB
    yield Finding("disk", "note" if short else "ok", f"{free:.0f} GB free here", remedy if short else "")


def _git() -> Iterator[Finding]:
    root = repository_root()
    commit = _output("git", "-C", str(root), "rev-parse", "--short", "HEAD") if is_checkout(root) else None
    if commit is None:
        if reason := git_refusal(root):
            remedy = "Do what git says; until then, records name a digest of the source instead of a commit"
            yield Finding("git", "note", f"no commit ({reason})", remedy)
            return
        remedy = "Works, but records name a digest of the source, not a commit: clone the repository to get one"
        yield Finding("git", "note", "no commit", remedy)
        return
    changes = changed_files(root)
    first = f": {changes[0]}{', ...' if len(changes) > 1 else ''}" if changes else ""
    remedy = "Commit, so that the records of a run name code that others can get" if changes else ""
    yield Finding("git", "note" if changes else "ok", f"{commit}, {len(changes)} changed files{first}", remedy)


def _remote() -> Iterator[Finding]:
    listed = _output(sys.executable, "-m", "dvc", "remote", "list")
    if not listed:
        yield Finding("DVC remote", "note", "none", "To share results: .venv/bin/dvc remote add -d <name> <url>")
        return
    name, url = listed.splitlines()[0].split()[:2]
    if re.match(r"\w+://", url):
        reached = _output(sys.executable, "-m", "dvc", "status", "--cloud", "--quiet", any_code=True) is not None
    else:
        reached = Path(url).is_dir()
    another = f".venv/bin/dvc remote modify --local {name} url <place>"
    remedy = f"Only `make publish` and `make restore` need it. Mount it, or name another place: {another}"
    state = "" if reached else ", not reachable"
    yield Finding("DVC remote", "ok" if reached else "note", f"{name} at {url}{state}", "" if reached else remedy)


def _mlflow() -> Iterator[Finding]:
    try:
        yield Finding("MLflow", "ok", check_tracker())
    except InputError as error:
        yield Finding("MLflow", "bad", f"{error.where} {error.cause}", error.remedy)


def _slurm() -> Iterator[Finding]:
    if shutil.which("squeue") is None:
        yield Finding("Slurm", "ok", "not installed here; PROFILE=slurm is for login nodes")
        return
    profile = load_profile("slurm")
    try:
        settings = slurm.configuration()
        command = slurm.status_command(settings, int(profile["slurm-init-seconds-before-status-checks"]))
        queues = slurm.partitions()
    except InputError as error:
        yield Finding("Slurm", "note", f"{error.where} {error.cause}", error.remedy)
        return
    accounts = "with" if slurm.has_accounting(settings) else "without"
    age = slurm.min_job_age(settings)
    yield Finding("Slurm", "ok", f"MinJobAge {age} s, {accounts} accounting; jobs are watched by {command}")
    chosen = profile.get("default-resources", {}).get("slurm_partition")
    missing = chosen is not None and not any(q.split()[0].rstrip("*") == chosen for q in queues)
    remedy = (
        f"Partition {chosen} is unknown: correct slurm_partition in workflow/profiles/local.yaml" if missing else ""
    )
    yield Finding("partitions", "bad" if missing else "ok", "; ".join(queues), remedy)


def _gpu() -> Iterator[Finding]:
    driver = _output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    if not driver:
        yield Finding("GPU", "ok", "none; everything runs on the CPU")
        return
    # Only where there is a GPU: importing torch takes seconds.
    import torch

    if torch.cuda.is_available():
        yield Finding("GPU", "ok", f"{'; '.join(driver.splitlines())}; torch {torch.__version__} sees it")
    else:
        built = torch.version.cuda or "without CUDA"
        found = f"{driver.splitlines()[0]}, but torch {torch.__version__} (CUDA {built}) cannot use it"
        yield Finding("GPU", "bad", found, "Update the driver, or install a torch built for its CUDA version")


def _output(*command: str, any_code: bool = False) -> str | None:
    """What a command prints; None when it is missing, fails, or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    failed = re.search(r"^ERROR", done.stderr, re.MULTILINE) if any_code else done.returncode
    return None if failed else done.stdout.strip()
