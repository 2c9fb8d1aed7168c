"""Predict the clean test images through an aligner, once for each gate."""

from pathlib import Path
from typing import Annotated

import torch
import typer

from meshcil.aligners.base import Aligner
from meshcil.aligners.gates import apply_gate
from meshcil.config.aligners.base import aligner_settings
from meshcil.config.base import validate
from meshcil.config.gates import GATES, ORACLE_GATES, View
from meshcil.core.artifacts import load_state, write_bytes_atomic
from meshcil.core.errors import InputError
from meshcil.datasets.prepared import load_split
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method, Prediction
from meshcil.stages.command import execute
from meshcil.stages.predict import prediction_frame
from meshcil.stages.step_job import Data, Device, Run, Step, Threads, step_job
from meshcil.training.alignment import GateInputs, build_aligner, gate_inputs, latent_width, read_task_identity
from meshcil.training.setup import exemplar_pool, labelled_images, load_method, read_exemplars, require_step

TEST_SET = "clean"


def predict_aligned(
    run: Run,
    data: Data,
    step: Step,
    state: Annotated[Path, typer.Option()],
    exemplars: Annotated[Path, typer.Option()],
    aligner: Annotated[Path, typer.Option(help="Of the stage align, for this step.")],
    task_identity: Annotated[Path, typer.Option(help="Test set with the true tasks; only the oracle gates read it.")],
    out: Annotated[Path, typer.Option(help="Folder: predictions-<gate>.parquet")],
    threads: Threads = 1,
    device: Device = "cpu",
) -> None:
    """Write one table of predictions per gate."""
    job, stored = step_job(run, data, step, threads, device), load_state(aligner)
    config, name = job.run, aligner.parent.name
    require_step(config, step, first=1)
    settings = validate(aligner_settings(stored["settings"]["kind"]), stored["settings"], aligner)
    split = data / f"{TEST_SET}.parquet"
    inputs = [state, exemplars, aligner, *dict.fromkeys([split, task_identity])]
    outputs = [out / f"predictions-{gate}.parquet" for gate in GATES]
    with job.record("predict_aligned", inputs, outputs, aligner=(name, settings)):
        method = load_method(config, data, state, step, job.device)
        method.consolidate(exemplar_pool(config, data, read_exemplars(exemplars, step)))
        model = build_aligner(settings, method, latent_width(method))
        model.load_state(stored, str(aligner))
        table = load_split(split, set(config.seen(step)))
        table = table.subset(config.asked(table.class_names))
        found = both_logits(method, model, labelled_images(config, table), aligner)
        old_classes = config.seen(step - 1)
        told = read_task_identity(task_identity, old_classes, table.ids)
        for gate in GATES:
            logits = apply_gate(
                gate,
                found.plain,
                found.aligned,
                old=len(old_classes),
                energy_says_old=found.energy_says_old,
                learned_says_old=found.learned_says_old,
                true_old=told if gate in ORACLE_GATES else None,
            )
            # A forbidden class has probability 0; logits would hold an infinity.
            answers = Prediction(logits.softmax(dim=1), logits.argmax(dim=1), torch.full((len(table), 3), torch.nan))
            frame = prediction_frame(config, method, table, View(TEST_SET, name, gate).name, step, answers)
            write_bytes_atomic(out / f"predictions-{gate}.parquet", frame.to_parquet(index=False))


def both_logits(method: Method, model: Aligner, images: ImagePool, where: Path) -> GateInputs:
    """Logits of all images with and without alignment.

    Raises InputError naming the aligner's file ``where``, when an aligned latent is not finite.
    """
    try:
        return gate_inputs(method, model, images)
    except FloatingPointError as error:
        raise InputError(where, str(error), "Fit it with a smaller learning rate or fewer iterations") from error


if __name__ == "__main__":
    execute(predict_aligned)
