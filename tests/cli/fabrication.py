"""A finished run of the smoke experiment without learning: the real stages from scores on, made-up files before."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pandas as pd

from meshcil.config.base import yaml_files
from meshcil.config.run import RunConfig, RunKey, load_dataset
from meshcil.core.artifacts import write_bytes_atomic, write_text_atomic
from meshcil.lineage.code import generator_modules, reader_modules, run_modules
from meshcil.lineage.inputs import predictions_of
from meshcil.lineage.plan import Plan
from meshcil.lineage.record import record_job
from meshcil.lineage.stages import records
from meshcil.stages import claims, collect, figure, report, resolve, score, table, track
from meshcil.stages.plan import load_plan
from tests.tracking.untracked import untracked

CONFIG = Path("config")
DATASET = "primitives3d-tiny"
RAW, PREPARED = Path("data/raw") / DATASET, Path("data/prepared") / DATASET
LEDGER = "name,bytes,paper,deploy,carry,peak,exemplars\nextractor,{0},True,True,True,True,16\n"


def fabricate() -> None:
    """Make every file of the smoke experiment in the working folder, which must hold `config`."""
    plan = load_plan(["smoke"], CONFIG)
    make_data()
    for key in plan.first_steps:
        make_first_step(plan, key)
    for key in plan.runs:
        make_run(plan, key)
    folders = [Path("results/runs") / key.path for key in plan.members["smoke"]]
    scores = Path("results/experiments/smoke.csv")
    metrics = scores.with_suffix(".metrics.json")
    runs = {"scores": [f / "scores.csv" for f in folders], "runs": [f / "run.json" for f in folders]}
    collect.main(out=scores, metrics=metrics, **runs)
    for artifact in plan.experiments["smoke"].tables:
        table.main(CONFIG, "smoke", artifact.name, scores, Path(f"reports/tables/{artifact.name}.csv"))
    pictures = [artifact.name for artifact in plan.experiments["smoke"].figures if artifact.run is not None]
    for artifact in plan.experiments["smoke"].figures:
        if artifact.name not in pictures:
            figure.main(CONFIG, "smoke", artifact.name, Path(f"reports/figures/{artifact.name}.svg"), scores)
    claims.main(CONFIG, [scores], Path("reports/tables/claims.csv"))
    report.main(CONFIG, ["smoke"], Path("reports/index.html"))
    # What needs images or learning is not made up: pictures, contact sheets, aligners.
    made = [path for path in map(Path, records(plan, "smoke")) if path.is_file()]
    with untracked():
        track.main("smoke", [*made, Path("reports/report.record.json")], Path("results/tracking/smoke.json"))


def make_data() -> None:
    """Raw and prepared files."""
    settings = load_dataset(DATASET, CONFIG)
    values, yaml = settings.model_dump(mode="json"), yaml_files(CONFIG / f"datasets/{DATASET}.yaml")
    job = {"settings": values, "key": {"dataset": DATASET}}
    with record_job("generate", inputs=yaml, outputs=[RAW], modules=generator_modules("generate", settings), **job):
        write(RAW, {"Images/car_imagenet/n01.JPEG": "image", "Annotations/car_imagenet/n01.mat": "annotation"})
    outputs = [PREPARED / name for name in ("dataset.json", "train.parquet", "clean.parquet")]
    modules = reader_modules("prepare", settings)
    with record_job("prepare", inputs=[*yaml, RAW], outputs=outputs, modules=modules, **job):
        write(PREPARED, {path.name: path.name for path in outputs})


def make_first_step(plan: Plan, key: RunKey) -> None:
    """The first step, which the runs of all budgets share."""
    run, folder = plan.first_steps[key], Path("results/runs") / key.path
    resolve.main(CONFIG, key.dataset, key.protocol, key.method, key.budget, key.seed, folder / "run.json")
    make_state(run, 0, [folder / "run.json", PREPARED / "train.parquet"], folder / "step0")


def make_state(run: RunConfig, step: int, inputs: Iterable[Path], place: Path) -> None:
    """What training leaves."""
    files = {"state.safetensors": f"{run.key}", "epochs.csv": "step\n", "checks.csv": "check,value\n"}
    make(run, "train", step, inputs, {place / name: text for name, text in files.items()})


def make_run(plan: Plan, key: RunKey) -> None:
    """All files of a run up to its scores, but for its first step's state."""
    run, folder = plan.runs[key], Path("results/runs") / key.path
    resolve.main(CONFIG, key.dataset, key.protocol, key.method, key.budget, key.seed, folder / "run.json")
    before: list[Path] = []
    for step in range(len(run.steps)):
        place = folder / f"step{step}"
        inputs = [folder / "run.json", PREPARED / "train.parquet", *before]
        state = Path("results/runs") / key.trained_in(step) / "state.safetensors"
        if step > 0:
            make_state(run, step, inputs, state.parent)
        chosen = {place / "exemplars.json": "{}", place / "ledger.csv": LEDGER.format(1000 * (step + 1))}
        make(run, "select", step, [*inputs, state], chosen)
        before = [state, place / "exemplars.json"]
        for suite in plan.step_suites(key, step):
            make_predictions(run, step, suite, [*inputs, *before, PREPARED / "clean.parquet"], place)
    ledgers = [folder / f"step{step}/ledger.csv" for step in range(len(run.steps))]
    score.main(folder / "run.json", [Path(p) for p in predictions_of(plan, key)], ledgers, folder / "scores.csv")


def recorded(
    run: RunConfig, stage: str, step: int, inputs: Iterable[Path], outputs: list[Path], suite: str = ""
) -> AbstractContextManager[str]:
    """Record of a job on a step, without its process."""
    key = {**run.key.model_dump(), "step": step, **({"suite": suite} if suite else {})}
    job = {"settings": run.model_dump(mode="json"), "modules": run_modules(stage, run), "key": key, "name": suite}
    return record_job(stage, inputs=inputs, outputs=outputs, seed=run.key.seed, **job)


def make(run: RunConfig, stage: str, step: int, inputs: Iterable[Path], texts: dict[Path, str]) -> None:
    """A job of a run that writes texts."""
    with recorded(run, stage, step, inputs, list(texts)):
        for path, text in texts.items():
            write_text_atomic(path, text)


def make_predictions(run: RunConfig, step: int, suite: str, inputs: list[Path], place: Path) -> None:
    """Predictions of a suite: eight images per class, most of them right."""
    out = place / f"predictions-{suite}.parquet"
    with recorded(run, "predict", step, inputs, [out], suite):
        frames = [predictions(run, step, test_set) for test_set in run.dataset.suites[suite]]
        write_bytes_atomic(out, pd.concat(frames).to_parquet(index=False))


def predictions(run: RunConfig, step: int, test_set: str) -> pd.DataFrame:
    """Made-up predictions of a test set after a step."""
    seen = run.seen(step)
    generator = np.random.default_rng([step, len(test_set), sum(map(ord, run.key.method))])
    frame = pd.DataFrame({"true_class": [name for name in seen for _ in range(8)]})
    right = generator.random(len(frame)) < 0.7
    frame["predicted_class"] = frame["true_class"].where(right, seen[0])
    frame["sample_id"] = [f"{name}/{i}" for i, name in enumerate(frame["true_class"])]
    frame["test_set"], frame["step"] = test_set, step
    for angle in ("azimuth", "elevation", "theta"):
        frame[f"true_{angle}"], frame[angle] = 0.0, generator.normal(0, 0.5, len(frame))
    frame["pose_error"] = frame[["azimuth", "elevation", "theta"]].abs().sum(axis=1)
    return frame


def write(folder: Path, files: dict[str, str]) -> None:
    """Write texts below a folder."""
    for name, text in files.items():
        write_text_atomic(folder / name, text)
