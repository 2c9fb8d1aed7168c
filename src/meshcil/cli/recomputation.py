"""Do again what jobs did and compare: scores and tables from what is stored, or some training steps from their inputs.

Scores follow from predictions and ledgers, or from the evidence of a study; an experiment's scores from those of its
runs and studies, a table from these. Whoever alters a number must therefore alter predictions, whatever else is
rewritten. Recomputing trains nothing, and needs torch only for studies.
"""

import ctypes
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.core.naming import load_object
from meshcil.lineage.files import place_of
from meshcil.lineage.jobs import Job, listed
from meshcil.lineage.plan import Plan
from meshcil.lineage.schema import SUFFIX, Record
from meshcil.lineage.source import environment_facts
from meshcil.lineage.stages import STAGES, planned_jobs

RETRAINED = "train"
TOLERANCE = 0.03
"""Share of the clean test images by which a state that another kind of processor trained may differ in accuracy."""
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


@dataclass(frozen=True)
class Sample:
    """Training steps to run again.

    Attributes:
        count: how many.
        seed: of the draw; none for one that nobody can foresee, the one who made the records least of all.
    """

    count: int = 0
    seed: int | None = None


NONE = Sample()


def check_recomputed(records: Mapping[Path, Record]) -> list[str]:
    """Scores, collected scores and tables that differ, byte by byte, from what their inputs give."""
    findings = []
    for record in records.values():
        if not _is_recomputed(record):
            continue
        recompute = load_object("meshcil.stages", record.stage, "recompute")
        try:
            findings += [f"{path}: is not what its inputs give, computed again" for path in recompute(record)]
        # Altered inputs can fail anywhere in the computation.
        except (ValueError, LookupError, TypeError, OSError) as error:
            reason = " ".join(str(error).split())
            findings.append(f"{place_of(record.outputs[0])}: cannot be computed again ({reason})")
    return findings


@contextmanager
def recomputing(records: Mapping[Path, Record]) -> Iterator[Callable[[Mapping[Path, Record]], list[str]]]:
    """Let a process for each processor compute again, while this one checks other things.

    The processes are forked at once, before this one has threads, and end with it.

    Yields:
        `check_recomputed`, for any of the records; it waits for the processes.

    Raises:
        InputError: when one of them is killed.
    """
    # What takes longest comes first.
    chosen = sorted(records, key=lambda path: records[path].stage != "report")
    pool = ProcessPoolExecutor(len(os.sched_getaffinity(0)), get_context("fork"), _end_with_parent)
    waiting = {
        path: pool.submit(check_recomputed, {path: records[path]}) for path in chosen if _is_recomputed(records[path])
    }
    try:
        yield lambda some: [finding for path in some if path in waiting for finding in waiting[path].result()]
    except BrokenProcessPool as error:
        cause = "lost a process that computed scores again, most often because memory ran out"
        raise InputError("meshcil audit", cause, "Free some memory and audit again") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


def _is_recomputed(record: Record) -> bool:
    return record.stage in STAGES and STAGES[record.stage].recomputed and bool(record.outputs)


def check_sample(plan: Plan, records: Mapping[Path, Record], sample: Sample) -> tuple[list[str], list[str]]:
    """Train steps again, drawn at random, by the commands of the plan.

    On the same kind of processor every output must have the same bytes, and so must the exemplars and predictions that
    the state trained here gives. On another one, arithmetic differs in its last digits and training enlarges that:
    there the state predicts the clean test images, and its accuracy may differ from that of the stored predictions by
    `TOLERANCE`.

    Returns:
        Findings: steps that come out otherwise; and notes: how they were drawn, and what each was compared by.
    """
    if not sample.count:
        return [], []
    jobs = planned_jobs(plan)
    steps = {path: job for path, job in jobs.items() if job.stage.name == RETRAINED and path in records}
    seed = random.SystemRandom().randrange(10**9) if sample.seed is None else sample.seed
    here = environment_facts("cpu", 1).instructions
    findings, notes = [], [f"drawn with --seed {seed}, of {len(steps)} training steps"]
    for path in random.Random(seed).sample(sorted(steps), min(sample.count, len(steps))):
        place = records[path].environment
        with TemporaryDirectory() as folder:
            if place.device == "cpu" and place.instructions == here:
                found, told = _same_bytes(steps[path], jobs.values(), records[path], Path(folder)), "the same bytes"
            else:
                found, told = _same_accuracy(steps[path], jobs.values(), records[path], Path(folder))
        findings += found
        notes.append(f"{path}: trained again, with {'another result' if found else told}")
    return findings, notes


def _same_bytes(job: Job, jobs: Iterable[Job], record: Record, folder: Path) -> list[str]:
    state, findings = str(job.outputs.get("state")), []
    for one in (job, *_users(state, jobs)):
        if failed := _execute(one, record, folder, {} if one is job else {state: folder / state}):
            return failed
        for path in (path for path in listed(one.outputs) if not path.endswith(SUFFIX)):
            if not (folder / path).is_file() or sha256_file(folder / path) != sha256_file(Path(path)):
                findings.append(f"{path}: is not what the job writes when it runs again")
    return findings


def _users(state: str, jobs: Iterable[Job]) -> list[Job]:
    return [job for job in jobs if job.stage.name in ("select", "predict") and job.inputs["state"] == state]


def _same_accuracy(job: Job, jobs: Iterable[Job], record: Record, folder: Path) -> tuple[list[str], str]:
    state = str(job.outputs["state"])
    judge = next(other for other in _users(state, jobs) if other.stage.name == "predict")
    stored = str(judge.outputs["predictions"])
    failed = _execute(job, record, folder, {}) or _execute(judge, record, folder, {state: folder / state})
    if failed:
        return failed, ""
    before, after = _accuracy(Path(stored)), _accuracy(folder / stored)
    told = f"{100 * after:.1f} % of the clean test images right, as stored {100 * before:.1f} %"
    if abs(after - before) <= TOLERANCE:
        return [], f"{told} (another processor: {100 * TOLERANCE:.0f} points are tolerated)"
    return [f"{state}: trained again on another processor gets {told}"], told


def _accuracy(predictions: Path) -> float:
    frame = pq.ParquetFile(predictions).read(use_threads=False).to_pandas(use_threads=False)
    clean = frame[frame["test_set"] == "clean"]
    return float((clean["true_class"] == clean["predicted_class"]).mean())


def _execute(job: Job, record: Record, folder: Path, instead: Mapping[str, Path]) -> list[str]:
    """Run the plan's command of a job with its outputs in another folder; why it failed, as a finding.

    Args:
        job: of the plan.
        record: that says how many threads it was allowed.
        folder: for the outputs, below which they have their paths.
        instead: inputs that are read from elsewhere.
    """
    outputs = listed(job.outputs)
    places = {path: folder / path for path in outputs} | instead
    words = [str(places.get(word, word)) for word in job.command[1:]]
    # Nothing of the surroundings counts: neither what a record says of them nor what was set here.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment["OMP_NUM_THREADS"] = "1"  # as jobs start; see workflow/scripts/stage.py
    threads = ["--threads", str(record.environment.threads)] if "--threads" in record.argv else []
    command = [sys.executable, *words, *threads]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if not done.returncode:
        return []
    reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return [f"{outputs[0]}: cannot be made again ({reason})"]
