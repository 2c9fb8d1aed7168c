"""What the stages of a step share: train, select, align, predict and predict_aligned."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer

from meshcil.config.base import Settings
from meshcil.config.run import RunConfig, load_run
from meshcil.lineage.code import aligner_modules, run_modules
from meshcil.lineage.record import record_job
from meshcil.stages.command import limit_threads
from meshcil.training.setup import choose_device

Run = Annotated[Path, typer.Option(help="run.json")]
Data = Annotated[Path, typer.Option(help="Folder of the prepared dataset.")]
Step = Annotated[int, typer.Option(help="Counts from 0.")]
Threads = Annotated[int, typer.Option(help="Threads that the job may use.")]
Device = Annotated[str, typer.Option(envvar="MESHCIL_DEVICE", help="cpu, cuda, ...")]


@dataclass(frozen=True)
class StepJob:
    """A job on one step of a run."""

    file: Path  # run.json
    run: RunConfig  # its content
    data: Path  # folder of the prepared dataset
    step: int  # counts from 0
    threads: int  # that the job may use
    device: torch.device  # that it computes on

    def record(
        self,
        stage: str,
        inputs: Iterable[Path | None],
        outputs: Iterable[Path],
        *,
        suite: str = "",
        aligner: tuple[str, Settings] | None = None,
    ) -> AbstractContextManager[str]:
        """`record_job` with what follows from the run: code, settings, seed, key and training data.

        ``inputs`` are further files (None is left out), ``aligner`` has the name and settings of the one that takes
        part.
        """
        values, modules = self.run.model_dump(mode="json"), run_modules(stage, self.run)
        key = {**self.run.key.model_dump(), "step": self.step, **({"suite": suite} if suite else {})}
        name = suite
        if aligner is not None:
            name, settings = aligner
            values["aligner"], key["aligner"] = settings.model_dump(mode="json"), name
            modules = aligner_modules(stage, (self.run, settings))  # type: ignore[arg-type]
        data = [self.data / name for name in ("dataset.json", "cuboids.json", "train.parquet")]
        return record_job(
            stage,
            inputs=[self.file, *data, *(path for path in inputs if path is not None)],
            outputs=outputs,
            settings=values,
            modules=modules,
            key=key,
            name=name,
            seed=self.run.key.seed,
            threads=self.threads,
            device=str(self.device),
        )


def step_job(run: Path, data: Path, step: int, threads: int, device: str) -> StepJob:
    """Read the run and prepare the process.

    Raises InputError when the run cannot be read, or the device or the number of threads is impossible.
    """
    limit_threads(threads)
    return StepJob(run, load_run(run), data, step, threads, choose_device(device, threads))
