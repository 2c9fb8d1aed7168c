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
from meshcil.lineage.schema import Record
from meshcil.lineage.stages import STAGES

RETRAINED = "train"


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


def check_sample(records: Mapping[Path, Record], count: int) -> tuple[list[str], list[str]]:
    """Train ``count`` steps again, chosen at random.

    Returns:
        Findings: outputs that differ; and notes: which steps were trained, and which could not be compared here.
    """
    steps = {path: record for path, record in records.items() if record.stage == RETRAINED}
    findings, notes = [], []
    for path in random.SystemRandom().sample(sorted(steps), min(count, len(steps))):
        if steps[path].environment.device != "cpu":
            notes.append(f"{path}: ran on {steps[path].environment.device}, where equal bytes are not promised")
            continue
        found = execute_again(steps[path])
        findings += found
        notes.append(f"{path}: trained again, {'with another result' if found else 'with the same bytes'}")
    return findings, notes


def execute_again(record: Record) -> list[str]:
    """Run a job's own command line with its outputs in another folder; the outputs that differ, as findings."""
    with TemporaryDirectory() as folder:
        places = {entry.path: Path(folder, *Path(entry.path).parts) for entry in record.outputs}
        words = [str(places.get(word, word)) for word in record.argv[1:]]
        environment = os.environ | {"MESHCIL_DEVICE": record.environment.device}
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environment)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            return [f"{record.outputs[0].path}: cannot be made again ({reason})"]
        return [
            f"{entry.path}: is not what the job writes when it runs again"
            for entry in record.outputs
            if not places[entry.path].is_file() or sha256_file(places[entry.path]) != entry.sha256
        ]
