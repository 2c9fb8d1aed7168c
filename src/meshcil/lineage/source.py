"""Facts about the checkout and the machine, gathered without importing heavy packages."""

import os
import platform
import socket
import subprocess
import sys
import sysconfig
from pathlib import Path

from meshcil.core.code_digest import repository_root
from meshcil.core.hashing import sha256_bytes, sha256_file
from meshcil.lineage.schema import EnvironmentFacts, SourceFacts

# What the pipeline itself writes; counting it would make every second run look like one of changed code.
WRITTEN = ("dvc.lock", "reports", "results")
# Where a new file can change what a job does. What jobs read elsewhere as data stands in their records with its digest.
SOURCES = ("src", "config", "workflow", "Snakefile", "dvc.yaml", "pyproject.toml", "requirements.lock")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "bf16")
# Variables by which the same processor computes other bytes.
_ARITHMETIC = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)
_CEILING = "GIT_CEILING_DIRECTORIES"
"""The one variable of git that counts: it says where to stop looking for a repository."""
_TRACKED = ("--", ".", *(f":(exclude){name}" for name in WRITTEN))


def source_facts() -> SourceFacts:
    """Commit, changes and lock of the checkout the package is run from."""
    root = repository_root()
    lock = root / "requirements.lock"
    lock_digest = sha256_file(lock) if lock.is_file() else None
    commit = git(root, "rev-parse", "HEAD") if is_checkout(root) else None
    if commit is None:
        tree = _source_digest(root)
        return SourceFacts(commit=None, dirty=None, diff_sha256=None, tree_sha256=tree, lock_sha256=lock_digest)
    diff = git(root, "diff", "--no-ext-diff", "--no-textconv", "HEAD", *_TRACKED) or b""
    added = "".join(f"{name} {_digest(root / name)}\n" for name in _new_files(root))
    return SourceFacts(
        commit=commit.decode().strip(),
        dirty=bool(changed_files(root)),
        diff_sha256=sha256_bytes(diff + os.fsencode(added)),
        tree_sha256=None,
        lock_sha256=lock_digest,
    )


def changed_files(root: Path) -> list[str]:
    """Files in which a checkout is not its commit: what records call uncommitted changes.

    These are the files that git keeps, but for what the pipeline writes, and new ones where code and settings live.
    """
    return [*_names(root, "diff", "HEAD", "--name-only", "-z", *_TRACKED), *_new_files(root)]


def _new_files(root: Path) -> list[str]:
    return _names(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *SOURCES)


def _digest(path: Path) -> str:
    # What vanishes meanwhile, or is a repository of its own, still counts as new.
    try:
        return sha256_file(path)
    except OSError:
        return "unread"


def _names(root: Path, *arguments: str) -> list[str]:
    return [os.fsdecode(name) for name in (git(root, *arguments) or b"").split(b"\0") if name]


def is_checkout(root: Path) -> bool:
    """Whether git keeps this very folder."""
    # A tarball unpacked inside somebody's repository must not take that repository's commit for its own. Where the
    # repository says that its files lie (`core.worktree`) does not count.
    own = git(root, "rev-parse", "--resolve-git-dir", ".git")
    found = git(root, "rev-parse", "--absolute-git-dir") if own else None
    return found is not None and _folder(root, found) == _folder(root, own or b"")


def _folder(root: Path, printed: bytes) -> Path:
    return (root / os.fsdecode(printed.removesuffix(b"\n"))).resolve()


def git_refusal(root: Path) -> str:
    """Why git does not answer for a folder that it keeps, such as one of another owner; empty where it does."""
    if not (root / ".git").exists() or is_checkout(root):
        return ""
    try:
        done = run_git("-C", str(root), "rev-parse", "--absolute-git-dir")
    except OSError as error:
        return f"git: {error.strerror}"
    return " ".join(done.stderr.decode(errors="replace").split()) or f"{root / '.git'} is no repository"


def git(root: Path, *arguments: str, data: bytes | None = None) -> bytes | None:
    """What git prints of a checkout, given ``data``; None where it fails."""
    try:
        return run_git("-C", str(root), "--work-tree=.", *arguments, data=data, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def run_git(*arguments: str, data: bytes | None = None, check: bool = False) -> subprocess.CompletedProcess[bytes]:
    """Call git such that neither variables nor replaced objects nor a monitor of files change its answer."""
    # No lock is taken, so that jobs side by side do not hinder each other or the user.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name == _CEILING}
    environment = kept | {"GIT_NO_REPLACE_OBJECTS": "1"}
    return subprocess.run(command, input=data, capture_output=True, check=check, env=environment)


def _source_digest(root: Path) -> str:
    source = root / "src" if (root / "src").is_dir() else root
    files = sorted(source.rglob("*.py"))
    lines = [f"{p.relative_to(source).as_posix()} {sha256_file(p)}" for p in files]
    return sha256_bytes("\n".join(lines).encode())


def environment_facts(device: str, threads: int) -> EnvironmentFacts:
    """Interpreter, packages, machine and Slurm job of this process."""
    return EnvironmentFacts(
        python=platform.python_version(),
        packages_sha256=packages_digest(),
        platform=platform.platform(),
        instructions=_instructions(),
        device=device,
        cores=os.cpu_count(),
        threads=threads,
        host=socket.gethostname(),
        slurm_job_id=os.environ.get("SLURM_JOB_ID"),
        foreign=_foreign(),
    )


def _foreign() -> tuple[str, ...]:
    # In isolation Python ignores its own variables, but not those of the loader.
    loader = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("LD_") and value]
    own = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    known = [*own, *(Path(sys.base_prefix, sys.platlibdir).resolve(), repository_root() / "src")]
    folders = [Path(name).resolve() for name in sys.path if name]
    return (*sorted(loader), *(str(f) for f in folders if f.exists() and not any(f.is_relative_to(k) for k in known)))


def _instructions() -> str:
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return ""
    chosen = [f"{name}={os.environ[name]}" for name in _ARITHMETIC if os.environ.get(name)]
    return " ".join([*(name for name in _INSTRUCTIONS if name in words), *chosen])


def packages_digest() -> str:
    """Digest of the sorted ``name-version`` list of installed distributions.

    Read from the names of the ``.dist-info`` folders: opening each one's metadata costs half a second.
    """
    folders = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    names = {p.name.removesuffix(".dist-info") for folder in folders for p in folder.glob("*.dist-info")}
    return sha256_bytes("\n".join(sorted(names)).encode())
