"""A finished run of the smoke experiment without learning: every job of the plan, made up where it takes images."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from meshcil.config.base import yaml_files
from meshcil.config.run import RunConfig
from meshcil.core.artifacts import write_bytes_atomic, write_text_atomic
from meshcil.core.errors import InputError
from meshcil.core.naming import load_module
from meshcil.geometry.poses import pose_error
from meshcil.lineage import record, source
from meshcil.lineage.jobs import Job, listed
from meshcil.lineage.record import record_job
from meshcil.lineage.stages import planned_jobs
from meshcil.stages.command import execute
from meshcil.stages.plan import load_plan

CONFIG = Path("config")
DATASET = "primitives3d-tiny"
RAW, PREPARED = Path("data/raw") / DATASET, Path("data/prepared") / DATASET
LEDGER = "name,bytes,paper,deploy,carry,peak,exemplars\nextractor,{0},True,True,True,True,16\n"
ANGLES = ("azimuth", "elevation", "theta")
REAL = ("resolve", "score", "collect", "table", "claims", "report")
"""Stages that run as they are; figures do unless they show images."""


def fabricate() -> None:
    """Make every file of the smoke experiment in the working folder, which must hold `config`."""
    jobs = planned_jobs(load_plan(["smoke"], CONFIG))
    writers = {path: job for job in jobs.values() for path in listed(job.outputs)}
    waiting = list(jobs.values())[::-1]
    while waiting:
        job = waiting[-1]
        before = [writers[path] for path in listed(job.inputs) if path in writers and not Path(path).exists()]
        if before:
            waiting += before
        else:
            if not job.record.exists():
                fabricate_job(job)
            waiting.pop()


@contextmanager
def process_of(job: Job) -> Iterator[None]:
    """Let this process look like the job's own: started by the plan's command, without modules of other jobs."""
    facts = record.code_facts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "code_facts", lambda modules: facts(modules).model_copy(update={"outside": ()}))
        patch.setattr(sys, "orig_argv", [*job.command, "--threads", "1"])
        patch.setattr(source, "_foreign", lambda: ())
        yield


def fabricate_job(job: Job) -> None:
    """Run a job, or leave what it would."""
    stage = job.stage.name
    if stage in REAL or (stage == "figure" and job.plan.figure(job.names).run is None):
        with process_of(job):
            perform(job)
        return
    outputs = {Path(path): text for path, text in contents(job).items()}
    name = job.names[job.stage.label] if job.stage.label else ""
    seed = int(job.names["seed"]) if "seed" in job.names else None
    places = [RAW] if stage == "generate" else list(outputs)
    read = {"generate": [], "prepare": [RAW]}.get(stage, [Path(path) for path in listed(job.inputs)])
    if stage in ("generate", "prepare"):
        read += yaml_files(CONFIG / f"datasets/{DATASET}.yaml")
    if stage in ("train", "select"):
        read.append(PREPARED / "train.parquet")
    known = {"settings": job.settings, "modules": job.modules, "key": dict(job.names), "name": name, "seed": seed}
    with process_of(job), record_job(stage, inputs=read, outputs=places, **known):
        for path, content in outputs.items():
            write_bytes_atomic(path, content)


def perform(job: Job) -> None:
    """Run a stage by the command of the plan."""
    module = load_module("meshcil.stages", job.stage.name)
    command: Callable[..., None] = getattr(module, "main", None) or getattr(module, job.stage.name)
    try:
        execute(command, job.command[4:])
    except SystemExit as end:
        if end.code:
            raise InputError(job.shell, f"ended with {end.code}", "See above") from end


def contents(job: Job) -> dict[str, bytes]:
    """Path -> content of what a job that is not run writes."""
    stage, names = job.stage.name, job.names
    if stage == "generate":
        texts = {"Images/car_imagenet/n01.JPEG": b"image", "Annotations/car_imagenet/n01.mat": b"annotation"}
        return {f"{RAW}/{name}": text for name, text in texts.items()}
    outputs = [path for path in listed(job.outputs) if not path.endswith(".record.json")]
    if stage == "prepare":
        dataset = job.plan.dataset(names)
        sets = sorted({name for suite in dataset.suites.values() for name in suite})
        splits = {f"{PREPARED}/{name}.parquet": parquet(test_images(dataset.classes)) for name in sets}
        return dict.fromkeys(outputs, b"{}") | {f"{PREPARED}/train.parquet": b"train"} | splits
    if stage == "train":
        texts = {"epochs.csv": b"step\n", "checks.csv": b"check,value\n"}
        return {path: texts.get(Path(path).name, str(names).encode()) for path in outputs}
    if stage == "select":
        return {path: LEDGER.format(1000 * (int(names["step"]) + 1)).encode() for path in outputs} | {outputs[0]: b"{}"}
    if stage == "predict":
        run, step = job.plan.run(names), int(names["step"])
        frames = [predictions(run, step, test_set) for test_set in run.dataset.suites[names["suite"]]]
        return {outputs[0]: parquet(pd.concat(frames))}
    if stage == "track":
        return {outputs[0]: b'{"experiment": "smoke", "tracker": "mlflow", "runs": {}}'}
    return {path: f"<svg><!-- {stage} {sorted(names.items())} --></svg>".encode() for path in outputs}


def parquet(frame: pd.DataFrame) -> bytes:
    """Bytes of a Parquet file."""
    return frame.to_parquet(index=False)


def test_images(classes: tuple[str, ...]) -> pd.DataFrame:
    """What a prepared split says of its images: eight per class."""
    frame = pd.DataFrame({"class_name": [name for name in classes for _ in range(8)]})
    frame["id"] = [f"{name}/{i}" for i, name in enumerate(frame["class_name"])]
    for angle in ANGLES:
        frame[angle] = np.linspace(0.0, 1.0, len(frame))
    return frame


def predictions(run: RunConfig, step: int, test_set: str) -> pd.DataFrame:
    """Made-up predictions of a test set after a step, most of them right."""
    seen, images = run.seen(step), test_images(run.dataset.classes)
    groups = [images[images["class_name"].isin(classes)] for classes in run.groups(test_set, step)]
    truth = pd.concat(groups, ignore_index=True)
    generator = np.random.default_rng([step, len(test_set), sum(map(ord, run.key.method))])
    frame = pd.DataFrame({"sample_id": truth["id"], "true_class": truth["class_name"]})
    known = frame["true_class"].isin(seen) & (generator.random(len(frame)) < 0.7)
    frame["predicted_class"] = frame["true_class"].where(known, seen[0])
    frame["test_set"], frame["step"] = test_set, step
    for angle in ANGLES:
        frame[f"true_{angle}"], frame[angle] = truth[angle], generator.normal(0, 0.5, len(frame))
    frame["scores"] = [[float(name == best) for name in seen] for best in frame["predicted_class"]]
    poses = [torch.tensor(frame[[f"{kind}{angle}" for angle in ANGLES]].to_numpy()) for kind in ("true_", "")]
    frame["pose_error"] = pose_error(*poses).numpy()
    return frame


def write(folder: Path, files: dict[str, str]) -> None:
    """Write texts below a folder."""
    for name, text in files.items():
        write_text_atomic(folder / name, text)
