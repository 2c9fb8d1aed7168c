"""Run a study for one seed: from its settings to what it found and its scores."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow.parquet as pq
import typer

from meshcil.config.base import yaml_files
from meshcil.config.studies.base import load_study, study_settings
from meshcil.core.artifacts import write_bytes_atomic, write_text_atomic
from meshcil.core.naming import load_module
from meshcil.lineage.code import study_modules
from meshcil.lineage.recomputed import places
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.stages.command import execute, limit_threads
from meshcil.studies.base import StudyContext, StudyResult, tidy
from meshcil.training.checkpoint import remove_checkpoints
from meshcil.training.setup import choose_device


def main(
    study: Annotated[Path, typer.Option(help="Settings of the study (YAML).")],
    seed: Annotated[int, typer.Option(help="Of all draws.")],
    out: Annotated[Path, typer.Option(help="scores.csv; evidence.parquet is written beside it.")],
    threads: Annotated[int, typer.Option()] = 1,
    device: Annotated[str, typer.Option(envvar="MESHCIL_DEVICE")] = "cpu",
) -> None:
    """Write the scores of STUDY for SEED, and the answers that they are computed from."""
    limit_threads(threads)
    settings = load_study(study)
    module = load_module("meshcil.studies", settings.kind)
    target = choose_device(device, threads)
    evidence = out.with_name("evidence.parquet")
    inputs = [*yaml_files(study), *settings.input_files(), *settings.rendered_files()]
    with record_job(
        "study",
        inputs=inputs,
        outputs=[out, evidence],
        settings=settings.model_dump(mode="json"),
        modules=study_modules("study", settings),
        key={"study": study.stem, "seed": seed},
        seed=seed,
        threads=threads,
        device=str(target),
    ) as identity:
        checkpoint = out.with_name(f"checkpoint-{identity[:16]}")
        out.parent.mkdir(parents=True, exist_ok=True)
        context = StudyContext(study.stem, seed, target, checkpoint, partial(print, file=sys.stderr, flush=True))
        result = module.run(settings, context)
        write_bytes_atomic(evidence, result.evidence.to_parquet(index=False))
        table = tidy(
            study.stem, settings.kind, settings.label, result, seed, module.scores_of(pd.read_parquet(evidence))
        )
        write_text_atomic(out, table.to_csv(index=False))
    remove_checkpoints(out.parent)


def recompute(record: Record) -> list[Path]:
    """Outputs of a job that differ from what the evidence gives; what else a study measured stands below that."""
    settings = study_settings(record.settings.values["kind"]).model_validate(record.settings.values)
    scores, evidence = places(record.outputs)[:2]
    names = pd.read_csv(scores, dtype=str, keep_default_na=False, nrows=1).iloc[0]
    found = StudyResult(names["dataset"], names["protocol"], pd.DataFrame())
    # Together with torch, Arrow's own threads can deadlock.
    answers = pq.ParquetFile(evidence).read(use_threads=False).to_pandas(use_threads=False)
    measured = load_module("meshcil.studies", settings.kind).scores_of(answers)
    text = tidy(str(record.key["study"]), settings.kind, settings.label, found, int(record.key["seed"]), measured)
    return [] if scores.read_bytes().startswith(text.to_csv(index=False).encode()) else [scores]


if __name__ == "__main__":
    execute(main)
