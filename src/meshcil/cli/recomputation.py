"""Do again what jobs did and compare: scores and tables from what is stored, or some training steps from their inputs.

Scores follow from predictions and ledgers, or from the evidence of a study; an experiment's scores from those of its
runs and studies, a table from these. Whoever alters a number must therefore alter predictions, whatever else is
rewritten. Recomputing trains nothing, and needs torch only for studies.
"""

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from meshcil.core.hashing import sha256_file
from meshcil.core.naming import load_object
from meshcil.lineage.files import place_of
from meshcil.lineage.jobs import Job
from meshcil.lineage.plan import Plan
from meshcil.lineage.schema import Record
from meshcil.lineage.source import environment_facts
from meshcil.lineage.stages import STAGES, planned_jobs

RETRAINED = "train"
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")
"""As jobs start; see workflow/scripts/stage.py."""


def check_recomputed(records: Mapping[Path, Record]) -> list[str]:
    """Scores, collected scores and tables that differ, byte by byte, from what their inputs give."""
    findings = []
    for record in records.values():
        if record.stage not in STAGES or not STAGES[record.stage].recomputed or not record.outputs:
            continue
        recompute = load_object("meshcil.stages", record.stage, "recompute")
        try:
            findings += [f"{path}: is not what its inputs give, computed again" for path in recompute(record)]
        # Altered inputs can fail anywhere in the computation.
        except (ValueError, LookupError, TypeError, OSError) as error:
            reason = " ".join(str(error).split())
            findings.append(f"{place_of(record.outputs[0])}: cannot be computed again ({reason})")
    return findings


def check_sample(plan: Plan, records: Mapping[Path, Record], count: int) -> tuple[list[str], list[str]]:
    """Train ``count`` steps again, chosen at random, by the commands of the plan.

    Returns:
        Findings: outputs that differ; and notes: which steps were trained, and which could not be compared here.
    """
    steps = {path: job for path, job in planned_jobs(plan).items() if job.stage.name == RETRAINED and path in records}
    here = environment_facts("cpu", 1).instructions
    findings, notes = [], []
    # Nobody can foresee the choice, the one who made the records least of all.
    for path in random.SystemRandom().sample(sorted(steps), min(count, len(steps))):
        place = records[path].environment
        if place.device != "cpu" or place.instructions != here:
            kind = (
                place.device
                if place.device != "cpu"
                else f"a processor with {place.instructions or 'other'} instructions"
            )
            notes.append(f"{path}: ran on {kind}, where equal bytes are not promised here")
            continue
        found = execute_again(steps[path], records[path])
        findings += found
        notes.append(f"{path}: trained again, {'with another result' if found else 'with the same bytes'}")
    return findings, notes


def execute_again(job: Job, record: Record) -> list[str]:
    """Run the plan's command of a job with its outputs in another folder; the outputs that differ, as findings."""
    with TemporaryDirectory() as folder:
        places = {entry.path: Path(folder, *Path(entry.path).parts) for entry in record.outputs}
        words = [str(places.get(word, word)) for word in job.command[1:]]
        # Nothing of the surroundings counts: neither what a record says of them nor what was set here.
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        threads = ["--threads", str(record.environment.threads)] if "--threads" in record.argv else []
        command = [sys.executable, *words, *threads]
        done = subprocess.run(command, capture_output=True, text=True, env=environment | THREADS)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return [f"{record.outputs[0].path}: cannot be made again ({reason})"]
        return [
            f"{entry.path}: is not what the job writes when it runs again"
            for entry in record.outputs
            if not places[entry.path].is_file() or sha256_file(places[entry.path]) != entry.sha256
        ]
