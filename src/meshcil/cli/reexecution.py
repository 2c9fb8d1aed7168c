"""`meshcil audit --retrain-sample N`: train some steps again, elsewhere, and compare what they write byte by byte."""

import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from meshcil.core.hashing import sha256_file
from meshcil.lineage.schema import Record

STAGE = "train"


def check_sample(records: Mapping[Path, Record], count: int) -> tuple[list[str], list[str]]:
    """Train ``count`` steps again, chosen at random.

    Returns:
        Findings: outputs that differ; and notes: which steps were trained, and which could not be compared here.
    """
    steps = {path: record for path, record in records.items() if record.stage == STAGE}
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
