"""Choose the exemplars kept after a step, and count the bytes that the run now holds."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from meshcil.config.run import RunConfig
from meshcil.core.artifacts import csv_text, write_json_atomic, write_text_atomic
from meshcil.core.seeding import derive_seed
from meshcil.memory.ledger import Ledger, annotation_size, exemplars
from meshcil.memory.store import ExemplarStore
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method
from meshcil.stages.command import execute
from meshcil.stages.step_job import Data, Device, Run, Step, Threads, step_job
from meshcil.training.planning import quota
from meshcil.training.selection import selection_inputs
from meshcil.training.setup import load_method, load_pool, read_exemplars, require_start


def select(
    run: Run,
    data: Data,
    step: Step,
    state: Annotated[Path, typer.Option()],
    out: Annotated[Path, typer.Option()],
    ledger: Annotated[Path, typer.Option()],
    previous: Annotated[Path | None, typer.Option()] = None,
    threads: Threads = 1,
    device: Device = "cpu",
) -> None:
    """Write the exemplar ids and the ledger after step STEP of RUN."""
    job = step_job(run, data, step, threads, device)
    config = job.run
    require_start(config, step, previous=previous)
    with job.record("select", [state, previous], [out, ledger]):
        method = load_method(config, data, state, step, job.device)
        kept = ExemplarStore.of(read_exemplars(previous, step - 1))
        rows = [*method.ledger_rows(), *method.training_rows()]
        per_class = quota(config, step, Ledger(tuple(rows)))
        pool = load_pool(config, data / "train.parquet", config.steps[step])
        ranked = rank_classes(config, method, pool, step, per_class)
        store = method.update_exemplars(kept, ranked, per_class)
        write_json_atomic(out, {"step": step, "classes": [[name, list(ids)] for name, ids in store.classes]})
        write_ledger(ledger, config, rows, len(store))


def rank_classes(run: RunConfig, method: Method, pool: ImagePool, step: int, per_class: int) -> dict[str, list[str]]:
    """Ids of each class of the step, best first, as many as the quota allows."""
    if run.budget.kind == "none":
        return {name: [] for name in run.steps[step]}
    arrays = selection_inputs(method, pool, run.method.exemplars)
    ranked: dict[str, list[str]] = {}
    for name in run.steps[step]:
        members = (pool.labels == run.classes.index(name)).nonzero()[:, 0].numpy()
        chosen: dict[str, np.ndarray] = {key: array[members] for key, array in arrays.items()}
        seed = derive_seed(run.key.seed, "exemplars", name)
        order = method.rank_exemplars(per_class, seed=seed, **chosen)
        ranked[name] = [pool.ids[i] for i in members[order]]
    return ranked


def write_ledger(path: Path, run: RunConfig, rows: list, count: int) -> None:
    """One line per thing held, with the counts it enters; the number of exemplars in a column of its own."""
    height, width = run.dataset.image_size
    kept = exemplars(count, height, width, annotation_size(len(run.classes), pose=run.dataset.posed))
    lines = Ledger(tuple(rows)).add(kept).records()
    write_text_atomic(path, csv_text([{**line, "exemplars": count} for line in lines]))


if __name__ == "__main__":
    execute(select)
