"""Train one step of a run: the step's images and the exemplars so far, on top of the step before."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from meshcil.config.run import ANY_BUDGET
from meshcil.core.artifacts import csv_text, save_state, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.stages.command import execute
from meshcil.stages.step_job import Data, Device, Run, Step, Threads, step_job
from meshcil.training.checkpoint import Interrupted, remove_checkpoints
from meshcil.training.setup import (
    build_method,
    exemplar_pool,
    load_method,
    read_exemplars,
    require_start,
    training_data,
)
from meshcil.training.trainer import EpochRow, train_step

_CHECKED = 4
"""Images of each class on which it is checked whether mechanisms acted."""
INTERRUPTED = 75
"""Exit code (EX_TEMPFAIL) of a job that was asked to stop and can go on: another attempt is worth while."""


def train(
    run: Run,
    data: Data,
    step: Step,
    out: Annotated[Path, typer.Option()],
    epochs: Annotated[Path, typer.Option()],
    previous: Annotated[Path | None, typer.Option()] = None,
    exemplars: Annotated[Path | None, typer.Option()] = None,
    threads: Threads = 1,
    device: Device = "cpu",
) -> None:
    """Train step STEP of RUN; writes the method's state and the loss terms of every epoch."""
    job = step_job(run, data, step, threads, device)
    config = job.run
    require_start(config, step, previous=previous, exemplars=exemplars)
    if config.key.trained_as(step) != config.key:
        cause = f"is of budget {config.key.budget}, but step {step} is trained once for all budgets"
        raise InputError(run, cause, f"Give the run.json of budget {ANY_BUDGET}")
    checks = out.with_name("checks.csv")
    with job.record(
        "train", [previous, exemplars, config.method.backbone.weights_file], [out, epochs, checks]
    ) as identity:
        kept = exemplar_pool(config, data, read_exemplars(exemplars, step - 1))
        if previous is None:
            method = build_method(config, data, job.device)
        else:
            method = load_method(config, data, previous, step - 1, job.device)
            method.consolidate(kept)
        method.begin_step(step)
        images = training_data(config, data, step, method, kept)
        checkpoint = out.with_name(f"checkpoint-{identity[:16]}.safetensors")
        total = sum(phase.epochs for phase in method.phases())
        with tqdm(total=total, desc=f"step {step}", unit="epoch", disable=not sys.stderr.isatty()) as bar:
            rows = interruptible(train_step, method, images, checkpoint, lambda row: show(row, bar))
        save_state(out, method.state())
        found = method.checks(images.pool.first_of_each(_CHECKED))
        write_text_atomic(checks, "check,value\n" + "".join(f"{name},{value:.6g}\n" for name, value in found.items()))
        write_text_atomic(epochs, csv_text(rows, digits=6))
    remove_checkpoints(out.parent)


def interruptible(train: Callable[..., list[EpochRow]], *arguments: Any) -> list[EpochRow]:
    """Train until done, or until SIGTERM: Slurm sends it before a time limit or a preemption ends the job."""
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    try:
        return train(*arguments, lambda: bool(received))
    except Interrupted as interruption:
        print(interruption, file=sys.stderr, flush=True)
        raise SystemExit(INTERRUPTED) from interruption
    finally:
        signal.signal(signal.SIGTERM, before)


def show(row: EpochRow, bar: tqdm) -> None:
    """Advance the bar, or print a line where no terminal is attached."""
    terms = {name: value for name, value in row.items() if name not in ("step", "phase", "epoch", "lr")}
    text = "  ".join(f"{name} {value:.4f}" for name, value in terms.items())
    bar.update()
    bar.set_postfix_str(text)
    if bar.disable:
        print(f"{row['phase']} epoch {row['epoch']}: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    execute(train)
