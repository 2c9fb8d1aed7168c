"""What Slurm says: jobs by the prefix of their name, its configuration, and how to ask for a job's state."""

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from meshcil.core.errors import InputError

_LONGEST_PAUSE = 240
"""Seconds: between two questions of the executor (180), and a minute that an answer may take."""


@dataclass(frozen=True)
class SlurmJob:
    """A job in the queue or running.

    Attributes:
        id: Slurm's number.
        state: such as RUNNING or PENDING.
        reason: why it waits, or where it runs.
        comment: rule and wildcards, as the executor wrote them.
    """

    id: str
    state: str
    reason: str
    comment: str


def alive(prefix: str) -> list[SlurmJob]:
    """Jobs that wait or run and whose name begins with ``prefix``.

    Raises:
        InputError: when Slurm does not answer.
    """
    lines = _run("squeue", "--noheader", "--format", "%i|%j|%T|%r|%N|%k").splitlines()
    rows = [line.split("|", 5) for line in lines if line.count("|") >= 5]
    return [
        SlurmJob(number, state, node or reason, comment)
        for number, name, state, reason, node, comment in rows
        if name == prefix or name.startswith(f"{prefix}_")
    ]


def cancel(prefix: str, seconds: float = 120) -> int:
    """Cancel the jobs of ``prefix`` and wait until they are gone; their number.

    Raises:
        InputError: when some are still there after ``seconds``.
    """
    jobs = alive(prefix)
    if jobs:
        _run("scancel", *(job.id for job in jobs))
    deadline = time.monotonic() + seconds
    while left := alive(prefix):
        if time.monotonic() > deadline:
            numbers = ", ".join(job.id for job in left)
            raise InputError("Slurm", f"has not ended the jobs {numbers} yet", "Try again in a few minutes")
        time.sleep(1)
    return len(jobs)


def configuration() -> dict[str, str]:
    """Slurm's settings by name (`scontrol show config`).

    Raises:
        InputError: when Slurm does not answer.
    """
    pairs = re.findall(r"^(\w+)\s*= (.*)$", _run("scontrol", "show", "config"), re.MULTILINE)
    return {name: value.strip() for name, value in pairs}


def partitions() -> list[str]:
    """Partitions, each with its time limit and state.

    Raises:
        InputError: when Slurm does not answer.
    """
    return sorted(set(_run("sinfo", "--noheader", "--format", "%P %a, at most %l").splitlines()))


def has_accounting(settings: dict[str, str]) -> bool:
    """Whether Slurm keeps accounts: without them `sacct` is installed on many sites, and never says a job ended."""
    return settings.get("AccountingStorageType", "accounting_storage/none") != "accounting_storage/none"


def status_command(settings: dict[str, str], first_check: int) -> str:
    """How to ask for the state of jobs: `squeue` where it remembers finished jobs long enough, else `sacct`.

    A job that squeue no longer knows counts as running. The executor asks every three minutes once nothing changes, and
    takes sacct by itself where Slurm forgets within three times its first pause.

    Args:
        settings: of `configuration`.
        first_check: seconds before the first question (`slurm-init-seconds-before-status-checks`).

    Raises:
        InputError: when Slurm forgets finished jobs too early and keeps no accounts.
    """
    remembers = min_job_age(settings)
    needed = max(_LONGEST_PAUSE, 3 * first_check)
    if remembers >= needed:
        return "squeue"
    if has_accounting(settings):
        return "sacct"
    cause = f"forgets a finished job after {remembers} s and keeps no accounts, so its end could be missed"
    raise InputError("Slurm", cause, f"Ask for a MinJobAge of {needed} s or more (Slurm's own is 300), or for accounts")


def min_job_age(settings: dict[str, str]) -> int:
    """Seconds for which Slurm remembers a finished job."""
    match = re.match(r"\d+", settings.get("MinJobAge", ""))
    return int(match[0]) if match else 0


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except FileNotFoundError as error:
        raise InputError(command[0], "is not installed here", "Run this on a login node of the cluster") from error
    except subprocess.TimeoutExpired as error:
        raise InputError("Slurm", f"does not answer `{command[0]}` within a minute", "Try again later") from error
    except subprocess.CalledProcessError as error:
        cause = f"refuses `{command[0]}` ({(error.stderr.strip() or 'no message').splitlines()[-1]})"
        raise InputError("Slurm", cause, "Ask whether Slurm is up, then try again") from error


def describe(jobs: Sequence[SlurmJob]) -> str:
    """Numbers and states of some jobs, for a message."""
    return ", ".join(f"{job.id} ({job.state})" for job in jobs)
