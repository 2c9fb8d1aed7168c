"""Fit an aligner between the states of a run before and after a step; the run itself does not change."""

import sys
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from meshcil.config.aligners.base import load_aligner
from meshcil.config.base import yaml_files
from meshcil.core.artifacts import save_state, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.memory.ledger import LedgerRow, training_only
from meshcil.methods.base.ledger import tensor_bytes
from meshcil.methods.base.method import Method
from meshcil.stages.command import execute
from meshcil.stages.step_job import Data, Device, Run, Threads, step_job
from meshcil.training.alignment import fit_aligner
from meshcil.training.setup import exemplar_pool, load_method, load_pool, read_exemplars, require_step


def align(
    run: Run,
    data: Data,
    step: Annotated[int, typer.Option(help="Step after which it aligns; at least 1.")],
    previous: Annotated[Path, typer.Option(help="State after the step before.")],
    state: Annotated[Path, typer.Option(help="State after the step.")],
    exemplars: Annotated[Path, typer.Option(help="Exemplars kept after the step before.")],
    held: Annotated[Path, typer.Option(help="Ledger of the run after the step.")],
    aligner: Annotated[Path, typer.Option(help="Settings of the aligner (YAML).")],
    out: Annotated[Path, typer.Option()],
    progress: Annotated[Path, typer.Option(help="CSV: loss, energies and held-out value by iteration.")],
    ledger: Annotated[Path, typer.Option(help="CSV: the run's ledger with the aligner's rows.")],
    threads: Threads = 1,
    device: Device = "cpu",
) -> None:
    """Fit the aligner of step STEP to the step's training images; no test image is read."""
    job, settings = step_job(run, data, step, threads, device), load_aligner(aligner)
    config = job.run
    require_step(config, step, first=1)
    inputs = [previous, state, exemplars, held, *yaml_files(aligner)]
    with job.record("align", inputs, [out, progress, ledger], aligner=(aligner.stem, settings)):
        kept = exemplar_pool(config, data, read_exemplars(exemplars, step - 1))
        before, after = (
            load_method(config, data, path, k, job.device) for path, k in ((previous, step - 1), (state, step))
        )
        images = load_pool(config, data / "train.parquet", config.steps[step])
        try:
            fitted, report = fit_aligner(settings, before, after, images, kept)
        except ValueError as error:
            raise InputError(previous, str(error), "Align a method whose latents keep their width") from error
        if report.diverged_at is not None:
            print(f"warning: {aligner.stem}, step {step}: {report.outcome}", file=sys.stderr, flush=True)
        save_state(out, fitted.state() | {"iteration": report.iteration, "diverged_at": report.diverged_at})
        columns = ["iteration", "loss", "previous", "samples", "monitor"]
        write_text_atomic(progress, pd.DataFrame(report.rows, columns=columns).to_csv(index=False, float_format="%.6g"))
        write_text_atomic(
            ledger, extended_ledger(held, [*fitted.ledger_rows(), *fitted.gate_rows(), *fitting_rows(before, after)])
        )


def fitting_rows(before: Method, after: Method) -> list[LedgerRow]:
    """The previous model, which fitting reads; a method that distils from it has counted it."""
    network = before.network
    return [] if after.has_teacher else [training_only("previous model", tensor_bytes(*network.state_dict().values()))]


def extended_ledger(path: Path, rows: list[LedgerRow]) -> str:
    """Text of a ledger with further rows. Raises InputError when the file is not a ledger."""
    try:
        table = pd.read_csv(path)
        count = int(table["exemplars"].iloc[0])
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(path, f"is not a ledger ({error})", "Delete it and select exemplars again") from error
    added = [{**vars(row), "exemplars": count} for row in rows]
    return pd.concat([table, pd.DataFrame(added, columns=table.columns)], ignore_index=True).to_csv(index=False)


if __name__ == "__main__":
    execute(align)
