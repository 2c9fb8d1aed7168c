"""Predict class and pose of the test images of a suite with the state after a step."""

import sys
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from tqdm import tqdm

from meshcil.config.run import RunConfig
from meshcil.core.artifacts import write_bytes_atomic
from meshcil.datasets.prepared import PreparedSplit, encode_png, load_split
from meshcil.evaluation.scoring import HEADS
from meshcil.methods.base.method import Method, Prediction
from meshcil.stages.command import execute
from meshcil.stages.step_job import Data, Device, Run, Step, Threads, step_job
from meshcil.training.setup import exemplar_pool, labelled_images, load_method, read_exemplars, require_step

OF_MESH = ("distance", "covered", "occluded", "fit")
"""What only methods with meshes answer."""
_BATCH = 32
_DECODED = 16 * _BATCH


def predict(
    run: Run,
    data: Data,
    step: Step,
    state: Annotated[Path, typer.Option()],
    exemplars: Annotated[Path, typer.Option()],
    suite: Annotated[str, typer.Option()],
    out: Annotated[Path, typer.Option()],
    threads: Threads = 1,
    device: Device = "cpu",
) -> None:
    """Write one row per test image of SUITE that shows a class seen up to step STEP."""
    job = step_job(run, data, step, threads, device)
    config = job.run
    require_step(config, step)
    test_sets = config.test_sets(suite)
    splits = [data / f"{name}.parquet" for name in test_sets]
    with job.record("predict", [state, exemplars, *splits], [out], suite=suite):
        method = load_method(config, data, state, step, job.device)
        method.consolidate(exemplar_pool(config, data, read_exemplars(exemplars, step)))
        tables = [
            predict_split(config, method, split, name, step) for name, split in zip(test_sets, splits, strict=True)
        ]
        write_bytes_atomic(out, pd.concat(tables).to_parquet(index=False))


def predict_split(run: RunConfig, method: Method, split: Path, test_set: str, step: int) -> pd.DataFrame:
    """Predictions of one test set; its labels choose which images are asked about, and are joined to the answers."""
    frames = []
    for classes in run.groups(test_set, step):
        table = load_split(split, classes)
        table = table.subset(run.asked(table.class_names))
        if frames and not len(table):
            continue
        answers = predict_table(run, method, table, f"{test_set} after step {step}")
        frames.append(prediction_frame(run, method, table, test_set, step, answers))
    return pd.concat(frames, ignore_index=True)


def prediction_frame(
    run: RunConfig, method: Method, table: PreparedSplit, test_set: str, step: int, answers: Prediction
) -> pd.DataFrame:
    """Table of predictions: one answer per image of ``table``, joined to its class and pose; poses may be NaN."""
    true, found = table.poses.double(), answers.poses.double()
    frame = pd.DataFrame({"sample_id": table.ids, "test_set": test_set, "step": step})
    frame["true_class"] = table.class_names
    frame["predicted_class"] = [run.classes[i] for i in answers.labels.tolist()]
    for head in HEADS:
        found_by = answers.heads.get(head)
        frame[f"{head}_class"] = None if found_by is None else [run.classes[i] for i in found_by.tolist()]
    frame["scores"] = answers.scores.double().tolist()
    for i, angle in enumerate(("azimuth", "elevation", "theta")):
        frame[f"true_{angle}"], frame[angle] = true[:, i].numpy(), found[:, i].numpy()
    # Blank without a pose; the method's `pose_error` would count a missing one as the largest error.
    frame["pose_error"] = torch.where(found.isnan().all(dim=1), torch.nan, method.pose_error(true, found)).numpy()
    frame["occlusion"] = table.occlusion.tolist()
    return frame.assign(**mesh_columns(answers))


def mesh_columns(answers: Prediction) -> dict[str, list[float] | list[bytes]]:
    """What a method with meshes answers beside the pose; maps as PNGs of one bit per cell."""
    columns: dict[str, list[float] | list[bytes]] = {}
    for name in OF_MESH:
        values = getattr(answers, name)
        if values is not None and values.dtype == torch.bool:
            columns[name] = [encode_png(cells) for cells in values.numpy()]
        elif values is not None:
            columns[name] = values.double().tolist()
    return columns


def predict_table(run: RunConfig, method: Method, table: PreparedSplit, title: str) -> Prediction:
    """Scores [n, C], labels [n] and poses [n, 3] (NaN without a pose) of all images of ``table``."""
    answers = []
    bar = tqdm(total=len(table), desc=title, unit="image", disable=not sys.stderr.isatty())
    # Only a part of a large test set is held decoded.
    for start in range(0, len(table), _DECODED):
        pool = labelled_images(run, table.subset(range(start, min(start + _DECODED, len(table)))))
        for images in pool.batches(_BATCH, method.device):
            answer = method.predict(images)
            poses = torch.full((len(images), 3), torch.nan) if answer.poses is None else answer.poses.cpu()
            heads = {name: found.cpu() for name, found in answer.heads.items()}
            of_mesh = {name: v.cpu() for name in OF_MESH if (v := getattr(answer, name)) is not None}
            answers.append(Prediction(answer.scores.cpu(), answer.labels.cpu(), poses, **of_mesh, heads=heads))
            bar.update(len(images))
    bar.close()
    given = [name for name in ("scores", "labels", "poses", *OF_MESH) if getattr(answers[0], name) is not None]
    return Prediction(
        **{name: torch.cat([getattr(answer, name) for answer in answers]) for name in given},
        heads={name: torch.cat([answer.heads[name] for answer in answers]) for name in answers[0].heads},
    )


if __name__ == "__main__":
    execute(predict)
