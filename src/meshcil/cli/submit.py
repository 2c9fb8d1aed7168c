"""`meshcil submit`: experiments through Snakemake, here or on a cluster, one run per folder at a time."""

import fcntl
import hashlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from meshcil.cli import slurm
from meshcil.cli.check import plan_of
from meshcil.cli.freshness import described, outdated
from meshcil.cli.profiles import load_profile, write_profile
from meshcil.core.artifacts import write_bytes_atomic
from meshcil.core.code_digest import repository_root
from meshcil.core.errors import InputError, explained
from meshcil.lineage.source import git_refusal
from meshcil.stages.checks import check_options
from meshcil.tracking.stored import check_tracker

LOCK = Path("logs/make.lock")
TRACKING_FAILED = 3
"""Exit code when the results are complete and only MLflow did not take them."""
CACHE = ".snakemake/cache"
WRITTEN = (
    ".",
    "logs",
    "data/raw",
    "data/prepared",
    "results/runs",
    "results/studies",
    "results/experiments",
    "results/tracking",
    "reports",
    CACHE,
)
_PROBE_BYTES = 1 << 16


def submit(experiments: str, profile: str | None, *, cancel: bool = False, extra: Sequence[str] = ()) -> int:
    """Run experiments to the end; the exit code: Snakemake's, `TRACKING_FAILED`, or 128 and the signal that ended it.

    Args:
        experiments: names, separated by commas.
        profile: kind of machine, or None for this one's cores.
        cancel: end jobs that an earlier run left in the queue; without it they are a reason to refuse.
        extra: further arguments for Snakemake.

    Raises:
        InputError: when jobs of an earlier run are alive, or the cluster cannot be used.
    """
    settings = load_profile(profile)
    check_options(experiments.split(","), repository_root() / "config")
    check_folders()
    check_tracker()
    if reason := git_refusal(repository_root()):
        print(f"note: records will name no commit: {reason} ({explained('a-checkout-for-a-group')})", file=sys.stderr)
    handle = lock()
    if count := bring_to_present(Path()):
        print(f"note: {count} files had timestamps in the future; reset to now", file=sys.stderr)
    # A GPU is used where the profile is one for GPUs or clusters; on the CPU the bytes are always the same.
    os.environ.setdefault("MESHCIL_DEVICE", "auto" if profile else "cpu")
    # Snakemake and matplotlib keep files below HOME, which can be read-only or full.
    os.environ.setdefault("XDG_CACHE_HOME", str(Path(CACHE).resolve()))
    os.environ.setdefault("MPLCONFIGDIR", str(Path(CACHE, "matplotlib").resolve()))
    os.environ["MESHCIL_PIPELINE_ID"] = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
    if settings.get("executor") == "slurm":
        settings = for_slurm(settings, cancel)
    if found := outdated(plan_of(experiments, repository_root() / "config")):
        print(described(found), file=sys.stderr)
        extra = [*extra, "--forcerun", *map(str, found)]
    command = snakemake_command(write_profile(settings), experiments, extra)
    before = snakemake_logs()
    with nullcontext() if settings.get("executor") == "slurm" else stage_server(handle):
        code, stopped = _attend(command, handle)
    if stopped:
        code = 128 + stopped
    elif code:
        # A full disk or a folder that cannot be written stops Snakemake itself, with a traceback.
        check_folders()
    if code:
        found = [failure for log in sorted(snakemake_logs() - before) for failure in failures(log)]
        end = f"Stopped (exit code {code}). What was finished is kept; the same command goes on."
        print(f"\n{explain(found) if found and not stopped else end}", file=sys.stderr, flush=True)
        if not stopped and found and {failure.rule for failure in found} == {"track"}:
            end = f"The results are complete; only MLflow does not have them yet. {explained('mlflow')} says more."
            print(end, file=sys.stderr, flush=True)
            return TRACKING_FAILED
    return code


@contextmanager
def stage_server(handle: int) -> Iterator[None]:
    """Have the jobs of this machine start from one process (workflow/scripts/stage.py), which holds the lock too."""
    os.environ["MESHCIL_STAGE_SERVER"] = f"meshcil-stages-{os.getpid()}-{secrets.token_hex(8)}"
    script = repository_root() / "workflow" / "scripts" / "stage.py"
    command = [sys.executable, "-I", str(script), "--serve"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=(handle,)) as process:
        try:
            yield
        finally:
            process.kill()


def check_folders() -> None:
    """Write and remove a file wherever a run writes.

    Raises:
        InputError: naming the first folder that cannot be written, and why.
    """
    for name in WRITTEN:
        probe = Path(name) / f".probe-{os.getpid()}"
        try:
            write_bytes_atomic(probe, bytes(_PROBE_BYTES))
        except InputError as error:
            raise InputError(name, error.cause, error.remedy) from error
        probe.unlink()


def detach(experiments: str, profile: str | None, *, cancel: bool = False) -> tuple[int, Path]:
    """Start `submit` in the background, where it outlives the terminal; its process id and its log.

    Raises:
        InputError: when it would refuse.
    """
    settings = load_profile(profile)
    if settings.get("executor") == "slurm" and not cancel:
        for_slurm(settings, cancel)
    log = Path("logs") / f"submit-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    options = [*(["--profile", profile] if profile else []), *(["--cancel"] if cancel else [])]
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "meshcil.cli", "submit", experiments, *options],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process.pid, log


def job_prefix(settings: Mapping[str, Any]) -> str:
    """What the names of this folder's Slurm jobs begin with: two checkouts never take each other's jobs for theirs."""
    place = hashlib.sha256(str(Path.cwd().resolve()).encode()).hexdigest()[:8]
    return f"{settings.get('slurm-jobname-prefix', 'meshcil')}-{place}"


def snakemake_command(profile: Path, experiments: str, extra: Sequence[str] = ()) -> list[str]:
    """The call of Snakemake in the working folder."""
    # Its own lock would outlast a killed run; the lock of this module ends with the last process that works here.
    base = [sys.executable, "-P", "-m", "meshcil.cli.snakemake_process", "--nolock"]
    return [
        *base,
        # Not that of SNAKEMAKE_PROFILE.
        "--profile",
        "none",
        "--snakefile",
        str(repository_root() / "Snakefile"),
        "--workflow-profile",
        str(profile),
        "--logger",
        "meshcil",
        *extra,
        "--config",
        f"experiment={experiments}",
    ]


def for_slurm(settings: dict[str, Any], cancel: bool) -> dict[str, Any]:
    """Settings of a profile with this folder's job names and the command that works here to watch jobs.

    Raises:
        InputError: when jobs of an earlier run are alive and not to be cancelled, or Slurm cannot be watched.
    """
    prefix = job_prefix(settings)
    jobs = slurm.alive(prefix)
    if jobs and not cancel:
        cause = f"still has jobs of an earlier run in this folder: {slurm.describe(jobs)}"
        raise InputError("Slurm", cause, "Wait for them, or end them with `meshcil submit --cancel` (make: CANCEL=1)")
    if jobs:
        print(f"Cancelled {slurm.cancel(prefix)} jobs of an earlier run", file=sys.stderr)
    first = int(settings.get("slurm-init-seconds-before-status-checks", 40))
    command = slurm.status_command(slurm.configuration(), first)
    print(f"Slurm: jobs are named {prefix}_..., their logs are in {settings.get('slurm-logdir')}", file=sys.stderr)
    return {**settings, "slurm-jobname-prefix": prefix, "slurm-status-command": command}


def lock() -> int:
    """Hold the lock of the working folder until this process and all it started have ended."""
    while True:
        try:
            LOCK.parent.mkdir(exist_ok=True)
            handle = os.open(LOCK, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            cause, section = f"cannot be written ({error.strerror})", "a-checkout-for-a-group"
            raise InputError(LOCK, cause, "Share the folder, or work in a clone of your own", section) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another run in this folder", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        # `make clean` may have removed the file meanwhile: a lock on a removed file protects nothing.
        with suppress(FileNotFoundError):
            if LOCK.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        os.close(handle)


def _attend(command: Sequence[str], handle: int) -> tuple[int, int]:
    """Run Snakemake; its exit code, and the first signal by which somebody asked it to stop, or 0.

    Signals are Snakemake's to handle: it cancels or finishes jobs. This process lives on to tell the end.
    """
    process = subprocess.Popen(command, pass_fds=(handle,))
    received: list[int] = []
    # Ctrl-C reaches both by the terminal; other signals reach this process alone.
    signal.signal(signal.SIGINT, lambda number, _frame: received.append(number))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: (received.append(number), process.send_signal(number)))
    code = process.wait()
    return code if code >= 0 else 128 - code, received[0] if received else 0


LOGS = Path(".snakemake/log")
_TAIL = 15
_KILLED = 128 + 9
_BLOCK = re.compile(r"^(?:Error in rule (\w+)(?:, jobid: \d+)?:|        rule (\w+):)$")
_REFUSAL = re.compile(
    r"(?<=message: SLURM )(sbatch failed\. The error message was '.*?')\.\n"
    r"\s+sbatch call:\n.*?(?=\n\s+(?:jobid|jobs):)",
    re.DOTALL,
)
_FIELD = re.compile(r"^\s+(log|output|shell|external_jobid|jobid|message|input):\s*(.*)$")


@dataclass(frozen=True)
class Failure:
    """A job that ended badly.

    Attributes:
        rule: its rule.
        outputs: files it should have written.
        log: what it printed, or None.
        command: its shell command, without the redirection; empty when Snakemake did not say it.
        slurm_log: what Slurm printed, or None.
        status: exit status of the command, where Snakemake said it.
        reason: what Slurm said, in the words of Snakemake; empty when the job ran and failed by itself.
    """

    rule: str
    outputs: tuple[str, ...]
    log: Path | None
    command: str
    slurm_log: Path | None = None
    status: int | None = None
    reason: str = ""


def snakemake_logs() -> set[Path]:
    """Logs that Snakemake itself has written in the working folder."""
    return set(LOGS.glob("*.snakemake.log"))


def failures(log: Path) -> list[Failure]:
    """Jobs that failed according to a log of Snakemake, each once (a retried job at its last attempt)."""
    found: dict[tuple[str, tuple[str, ...]], Failure] = {}
    text = log.read_text(encoding="utf-8", errors="replace")
    # Of a refusal of sbatch, the whole call follows, over several lines.
    lines = _REFUSAL.sub(lambda match: "; ".join(match[1].split("\n")), text).splitlines()
    reason = ""
    for number, line in enumerate(lines):
        if line.startswith("Error in "):
            reason = lines[number + 1].partition("message: ")[2].replace("None", "") if lines[number + 1 :] else ""
        if match := _BLOCK.match(line):
            failure = _failure(match[1] or match[2], lines[number + 1 :])
            failure = replace(failure, status=_status(failure.command, lines[:number]), reason=reason)
            found.pop((failure.rule, failure.outputs), None)
            found[failure.rule, failure.outputs] = failure
    # A group is reported whole; and what was retried with success did not fail.
    return [f for f in found.values() if not all(Path(name).exists() for name in f.outputs)]


def _failure(rule: str, lines: Sequence[str]) -> Failure:
    fields: dict[str, str] = {}
    for number, line in enumerate(lines):
        match = _FIELD.match(line)
        if not line.startswith(" ") or _BLOCK.match(line) or (match and match[1] in fields):
            break
        if match:
            fields[match[1]] = match[2] or (lines[number + 1].strip() if number + 1 < len(lines) else "")
    logs = [Path(name) for name in fields.get("log", "").split(" (check log")[0].split(", ") if name]
    outputs = tuple(name for name in fields.get("output", "").split(", ") if name)
    command = fields.get("shell", "").split(" > ")[0]
    own = [path for path in logs if not path.is_absolute()]
    slurm = [path for path in logs if path.is_absolute()]
    return Failure(rule, outputs, own[0] if own else None, command, slurm[0] if slurm else None)


def _status(command: str, lines: Sequence[str]) -> int | None:
    for line in reversed(lines):
        if command and command in line and "died with <Signals.SIGKILL" in line:
            return _KILLED
        if command and command in line and (match := re.search(r"non-zero exit status (\d+)", line)):
            return int(match[1])
    return None


def explain(found: Sequence[Failure]) -> str:
    """Text for the end of the screen: each failure with its last log lines and its command."""
    blocks = [_explain(failure) for failure in found]
    total = (
        f"{len(found)} job{'s' if len(found) > 1 else ''} failed. What was finished is kept; the same command goes on."
    )
    return "\n\n".join([*blocks, total])


def _explain(failure: Failure) -> str:
    lines = [f"FAILED: {failure.rule} ({failure.outputs[0] if failure.outputs else 'no output'})"]
    log = failure.log if failure.log and failure.log.is_file() else failure.slurm_log
    tail = _tail(log)
    if log is not None:
        lines += [f"  last lines of {log}:", *(f"    {line}" for line in tail)]
    if failure.reason:
        lines.append(f"  {failure.reason}")
    if failure.status == _KILLED or "OUT_OF_MEMORY" in failure.reason or not (failure.reason or _says_why(tail)):
        lines.append("  It was killed, most often because memory ran out: free some, or run fewer jobs at once.")
    if failure.reason or failure.status == _KILLED:
        lines.append(f"  {explained('a-run')} says more.")
    if failure.command:
        python = Path(sys.executable)
        shown = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python
        lines += ["  by hand:", f"    {re.sub('^python ', f'{shown} ', failure.command)}"]
    return "\n".join(lines)


def _tail(log: Path | None) -> list[str]:
    if log is None or not log.is_file():
        return []
    text = log.read_text(encoding="utf-8", errors="replace")
    # A progress bar rewrites its line; only its last state counts.
    return [line.rsplit("\r", 1)[-1] for line in text.splitlines()][-_TAIL:]


def _says_why(tail: Sequence[str]) -> bool:
    return any(
        re.match(r"\s*(error: |[\w.]*(Error|Exception|Interrupt)\b|interrupted;|slurmstepd: )", line) for line in tail
    )


_MADE = ("results", "reports", "data/prepared")
_TOLERANCE = 60.0
"""Seconds: clocks of a cluster's machines differ a little."""


def bring_to_present(work: Path) -> int:
    """Give what runs made in ``work`` the present time where it bears one to come; the number of files.

    One's own raw data are left alone.
    """
    now = time.time()
    late = [path for path in _made(work) if path.lstat().st_mtime > now + _TOLERANCE]
    for path in late:
        os.utime(path, (now, now), follow_symlinks=False)
    return len(late)


def _made(work: Path) -> Iterator[Path]:
    yield from work.glob("data/raw/*/generate.record.json")
    for name in _MADE:
        for folder, _, files in os.walk(work / name):
            yield from (Path(folder) / file for file in files)
