"""What failed in a run of Snakemake, as a person needs it: the log's last lines, and the command to repeat by hand."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

LOGS = Path(".snakemake/log")
_TAIL = 15
_KILLED = 128 + 9
_BLOCK = re.compile(r"^(?:Error in rule (\w+)(?:, jobid: \d+)?:|        rule (\w+):)$")
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
    """

    rule: str
    outputs: tuple[str, ...]
    log: Path | None
    command: str
    slurm_log: Path | None = None
    status: int | None = None


def snakemake_logs() -> set[Path]:
    """Logs that Snakemake itself has written in the working folder."""
    return set(LOGS.glob("*.snakemake.log"))


def failures(log: Path) -> list[Failure]:
    """Jobs that failed according to a log of Snakemake, each once (a retried job at its last attempt)."""
    found: dict[tuple[str, tuple[str, ...]], Failure] = {}
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines):
        if match := _BLOCK.match(line):
            failure = _failure(match[1] or match[2], lines[number + 1 :])
            failure = replace(failure, status=_status(failure.command, lines[:number]))
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
    if failure.status == _KILLED or not _says_why(tail):
        lines.append("  It was killed, most often because memory ran out: free some, or run fewer jobs at once.")
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
