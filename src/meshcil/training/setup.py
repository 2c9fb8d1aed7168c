"""From a resolved run and a prepared dataset to a method and the images it needs."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ValidationError

from meshcil.config.base import validate
from meshcil.config.dataset import DatasetSettings
from meshcil.config.run import ANY_BUDGET, RunConfig
from meshcil.core.artifacts import load_state, read_json
from meshcil.core.errors import InputError
from meshcil.core.naming import load_object
from meshcil.core.processes import keep_freed_memory
from meshcil.datasets.prepared import PreparedSplit, load_cuboids, load_info, load_split
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method, RunFacts
from meshcil.training.selection import TrainingData


class _Exemplars(BaseModel):
    """What `meshcil.stages.select` writes."""

    classes: list[tuple[str, list[str]]]


_NOT_PREPARED = {"description", "obtain", "generator", "suites", "test_parts"}
"""Settings of a dataset that its preparation does not read."""


def choose_device(name: str, threads: int) -> torch.device:
    """Device by name (`auto`: the GPU when there is one), with ``threads`` CPU threads and deterministic kernels.

    The process keeps the memory that it frees.

    Raises InputError when the name is unknown, or names a GPU that is not there.
    """
    torch.set_num_threads(threads)
    keep_freed_memory()
    # Not `use_deterministic_algorithms`, which does the same and imports the compiler, two seconds long.
    torch.set_deterministic_debug_mode("warn")
    # Or every new tensor is filled before it is written, a twentieth of a training step. That guards against reading
    # what was never written; a test trains both ways to the same bytes.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        usable = ["auto", "cpu", *["cuda"][:count], *(f"cuda:{i}" for i in range(count))]
        if name not in usable:
            raise InputError(f"device {name!r}", "is unknown or not available", f"Available: {', '.join(usable)}")
        # With workspaces that streams share, matrix products may add in another order each time (cuBLAS).
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device(name)


def run_facts(run: RunConfig, data: Path) -> RunFacts:
    """Facts of the run from its configuration and the prepared dataset in ``data``.

    Raises InputError when the dataset was prepared with other settings than the run has.
    """
    _require_same_preparation(run, data)
    info, cuboids = load_info(data), load_cuboids(data)
    unknown = torch.full((3, 2), torch.nan)
    bounds = torch.stack([torch.as_tensor(cuboids.get(name, unknown), dtype=torch.float32) for name in run.classes])
    sizes = tuple(len(step) for step in run.steps)
    focal = math.nan if info.focal is None else info.focal
    return RunFacts(run.classes, sizes, info.image_size, focal, info.distance, bounds, run.key.seed)


def _require_same_preparation(run: RunConfig, data: Path) -> None:
    """Compare the run's dataset with the record of its preparation; without a record it is taken as it is.

    Snakemake prepares again after a change, but only what it prepared itself: `meshcil data prepare` tells it nothing.
    """
    path = data / "prepare.record.json"
    if not path.is_file():
        return
    again = f"Prepare it again: `meshcil data prepare {run.key.dataset}`"
    try:
        values = read_json(path)["settings"]["values"].items()
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(path, "is not a record", again) from error
    # A record of another version may lack settings, which had their present defaults, or have some more.
    known = {name: value for name, value in values if name in DatasetSettings.model_fields}
    before, now = _preparation(validate(DatasetSettings, known, path)), _preparation(run.dataset)
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            cause = f"was prepared with `{name}` {before.get(name)}, but the run has {now.get(name)}"
            raise InputError(data, cause, again)


def _preparation(dataset: DatasetSettings) -> dict[str, Any]:
    values = dataset.model_dump(mode="json", exclude=_NOT_PREPARED)
    test_sets = values.pop("test_sets")
    return values | {f"test_sets.{name}": value for name, value in test_sets.items()}


def build_method(run: RunConfig, data: Path, device: torch.device) -> Method:
    """The run's method, untrained."""
    learner = load_object("meshcil.methods", run.method.kind, "Learner")
    return learner(run.method, run_facts(run, data), device)


def load_method(run: RunConfig, data: Path, state: Path, step: int, device: torch.device) -> Method:
    """The run's method as it was after ``step``; pretrained weights are not read, as the state has all tensors.

    Raises InputError when the state is of another step.
    """
    method = build_method(run.model_copy(update={"method": run.method.without_weights()}), data, device)
    content = load_state(state)
    _require_written_after(step, state, content)
    method.load_state(content)
    # A method that trains from scratch at every step reads them again when that step begins.
    method.settings = run.method
    return method


def require_step(run: RunConfig, step: int, first: int = 0) -> None:
    """Check that the run has ``step``.

    Raises InputError when it is below ``first`` or beyond the last step: of the run, or 0 under the budget `any`.
    """
    last = 0 if run.key.budget == ANY_BUDGET else len(run.steps) - 1
    if not first <= step <= last:
        raise InputError(f"step {step}", "is not available here", f"Give one from {first} to {last}")


def require_start(run: RunConfig, step: int, **options: Path | None) -> None:
    """Check that the run has ``step``, and that a later step, and only that, starts from files of the one before.

    ``options`` are these files by option name, None when absent. Raises InputError naming the step or the option.
    """
    require_step(run, step)
    for name, path in options.items():
        if step > 0 and path is None:
            raise InputError(f"--{name}", f"is missing: step {step} continues from step {step - 1}", "Give its file")
        if step == 0 and path is not None:
            raise InputError(f"--{name} {path}", "is not allowed: step 0 is the first", "Leave the option out")


def _require_written_after(step: int, path: Path, content: Mapping[str, Any]) -> None:
    if content.get("step") != step:
        raise InputError(path, f"was written after step {content.get('step')}, not {step}", "Give that step's file")


def load_pool(run: RunConfig, split: Path, classes: Sequence[str]) -> ImagePool:
    """Images of ``classes`` in a prepared split; labels are positions in the run's class order.

    Raises InputError when a class has no image.
    """
    table = load_split(split, set(classes))
    missing = set(classes) - set(table.class_names)
    if missing:
        raise InputError(split, f"has no image of {', '.join(sorted(missing))}", "Prepare the dataset again")
    return labelled_images(run, table)


def labelled_images(run: RunConfig, table: PreparedSplit) -> ImagePool:
    """All images of ``table``, decoded; labels are positions in the run's class order."""
    label = {name: i for i, name in enumerate(run.classes)}
    labels = torch.tensor([label[name] for name in table.class_names], dtype=torch.int64)
    return ImagePool(table.ids, table.images(), labels, table.poses)


def read_exemplars(path: Path | None, step: int | None = None) -> dict[str, list[str]]:
    """Exemplar ids by class, in order of arrival, chosen after ``step`` (any when None); none without a file.

    Raises InputError when the file is of another step, or holds no list of classes with their ids.
    """
    if path is None:
        return {}
    content = read_json(path)
    try:
        exemplars = _Exemplars.model_validate(content)
    except ValidationError:
        cause = "does not hold exemplar ids by class"
        raise InputError(path, cause, "Give the file that the selection wrote, or run the selection again") from None
    if step is not None:
        _require_written_after(step, path, content)
    return dict(exemplars.classes)


def exemplar_pool(run: RunConfig, data: Path, exemplars: Mapping[str, Sequence[str]]) -> ImagePool:
    """Images of the stored exemplars, in stored order; empty when there are none."""
    ids = [name for names in exemplars.values() for name in names]
    if not ids:
        height, width = run.dataset.image_size
        empty = torch.zeros(0, 3, height, width, dtype=torch.uint8)
        return ImagePool((), empty, torch.zeros(0, dtype=torch.int64), torch.zeros(0, 3))
    table = load_split(data / "train.parquet", set(exemplars))
    position = {name: i for i, name in enumerate(table.ids)}
    # Only the exemplars themselves are decoded.
    return labelled_images(run, table.subset([position[name] for name in ids]))


def training_data(run: RunConfig, data: Path, step: int, method: Method, exemplars: ImagePool) -> TrainingData:
    """Images that ``method`` trains on at ``step``: the step's own and the exemplars, or all seen ones."""
    classes = run.seen(step) if method.trains_on_all_data else run.steps[step]
    pool = load_pool(run, data / "train.parquet", classes)
    replayed = torch.zeros(len(pool), dtype=torch.bool)
    if method.trains_on_all_data or not len(exemplars):
        return TrainingData(pool, replayed)
    joined = ImagePool(
        pool.ids + exemplars.ids,
        torch.cat([pool.images, exemplars.images]),
        torch.cat([pool.labels, exemplars.labels]),
        torch.cat([pool.poses, exemplars.poses]),
    )
    return TrainingData(joined, torch.cat([replayed, torch.ones(len(exemplars), dtype=torch.bool)]))
