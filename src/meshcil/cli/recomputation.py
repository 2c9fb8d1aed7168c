"""Do again what jobs did and compare: scores and tables from what is stored, or some training steps from their inputs.

Scores follow from predictions and ledgers, or from the evidence of a study; an experiment's scores from those of its
runs and studies, a table from these. Whoever alters a number must therefore alter predictions, whatever else is
rewritten. Recomputing trains nothing, and needs torch only for studies.
"""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow.parquet as pq

from meshcil.config.experiment import Artifact
from meshcil.config.run import load_run
from meshcil.config.studies.base import study_settings
from meshcil.core.artifacts import read_json
from meshcil.core.code_digest import repository_root
from meshcil.core.hashing import sha256_file
from meshcil.core.naming import load_module
from meshcil.lineage.schema import FileFacts, Record
from meshcil.reporting.scores import read_scores
from meshcil.stages.claims import claims_text
from meshcil.stages.collect import collected
from meshcil.stages.score import scores_text
from meshcil.stages.score_aligned import aligned_scores_text
from meshcil.stages.table import table_texts

RETRAINED = "train"


def check_recomputed(records: Mapping[Path, Record]) -> list[str]:
    """Scores, collected scores and tables that differ, byte by byte, from what their inputs give."""
    findings = []
    for record in records.values():
        differs = _STAGES.get(record.stage)
        output = _place(record.outputs[0]) if record.outputs else None
        if differs is None or output is None:
            continue
        try:
            findings += [f"{path}: is not what its inputs give, computed again" for path in differs(record)]
        # Altered inputs can fail anywhere in the computation.
        except (ValueError, LookupError, TypeError, OSError) as error:
            findings.append(f"{output}: cannot be computed again ({' '.join(str(error).split())})")
    return findings


def _score(record: Record) -> list[Path]:
    run, *files = [_place(entry) for entry in record.inputs]
    predictions = [path for path in files if path.suffix == ".parquet"]
    ledgers = [path for path in files if path.suffix == ".csv"]
    return _unequal(record, scores_text(load_run(run), predictions, ledgers))


def _score_aligned(record: Record) -> list[Path]:
    run, *files = [_place(entry) for entry in record.inputs]
    predictions = [path for path in files if path.suffix == ".parquet"]
    ledgers = [path for path in files if path.suffix == ".csv"]
    return _unequal(record, aligned_scores_text(load_run(run), str(record.key["aligner"]), predictions, ledgers))


def _study(record: Record) -> list[Path]:
    """What a study measured besides its evidence stands below and is left to its digest."""
    settings = study_settings(record.settings.values["kind"]).model_validate(record.settings.values)
    scores, evidence = (_place(entry) for entry in record.outputs[:2])
    names = pd.read_csv(scores, dtype=str, keep_default_na=False, nrows=1).iloc[0]
    base, module = load_module("meshcil.studies", "base"), load_module("meshcil.studies", settings.kind)
    found = base.StudyResult(names["dataset"], names["protocol"], pd.DataFrame())
    # Beside torch, Arrow's own threads can deadlock.
    measured = module.scores_of(pq.ParquetFile(evidence).read(use_threads=False).to_pandas(use_threads=False))
    text = base.tidy(str(record.key["study"]), settings.label, found, int(record.key["seed"]), measured)
    return [] if scores.read_bytes().startswith(text.to_csv(index=False).encode()) else [scores]


def _collect(record: Record) -> list[Path]:
    files = [_place(entry) for entry in record.inputs]
    runs = [path for path in files if path.suffix == ".json"]
    scores = [path for path in files if path.suffix == ".csv"]
    table, numbers = collected(scores[: len(runs)], runs, scores[len(runs) :])
    metrics = _place(record.outputs[1])
    return _unequal(record, table) + ([metrics] if read_json(metrics) != numbers else [])


def _table(record: Record) -> list[Path]:
    scores = _place(record.inputs[0])
    published = next((_place(e) for e in record.inputs if Path(e.path).parent.name == "published"), Path("none"))
    artifact = Artifact.model_validate(record.settings.values)
    return _unequal(record, *table_texts(artifact, read_scores(scores), published))


def _claims(record: Record) -> list[Path]:
    files = [_place(entry) for entry in record.inputs]
    config = next((path.parents[1] for path in files if path.suffix == ".yaml"), Path("config"))
    return _unequal(record, claims_text(config, [path for path in files if path.suffix == ".csv"]))


def _unequal(record: Record, *texts: str) -> list[Path]:
    """The first outputs of a job that are not ``texts``."""
    places = map(_place, record.outputs)
    return [path for path, text in zip(places, texts, strict=False) if path.read_bytes() != text.encode()]


def _place(entry: FileFacts) -> Path:
    return repository_root() / entry.path if entry.base == "repository" else Path(entry.path)


_STAGES: Mapping[str, Callable[[Record], list[Path]]] = {
    "score": _score,
    "score_aligned": _score_aligned,
    "study": _study,
    "collect": _collect,
    "table": _table,
    "claims": _claims,
}


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
