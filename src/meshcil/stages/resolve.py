"""Resolve a run: defaults, dataset, protocol, method, budget and seed in one validated file."""

from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import validate, yaml_files
from meshcil.config.budget import Budget
from meshcil.config.dataset import DatasetSettings
from meshcil.config.methods.base import MethodSettings
from meshcil.config.run import ANY_BUDGET, ProtocolSettings, RunConfig, RunKey, load_dataset, load_method, load_protocol
from meshcil.config.variants import find_method
from meshcil.core.artifacts import write_json_atomic
from meshcil.core.errors import InputError
from meshcil.core.naming import available, known_names
from meshcil.lineage.code import settings_modules
from meshcil.lineage.record import record_job
from meshcil.memory.ledger import pixel_size
from meshcil.protocols import class_incremental
from meshcil.stages.command import execute


def resolve_run(key: RunKey, config: Path) -> RunConfig:
    """Resolved settings of the run ``key`` from the folder ``config``.

    Raises InputError when a file is missing or wrong, the budget cannot hold one exemplar of each class, or does not
    suit the method.
    """
    dataset = load_dataset(key.dataset, config)
    protocol = load_protocol(key.protocol, config)
    groups = split_classes(protocol, dataset, key)
    method = fit_to_dataset(load_method(key.method, config), dataset, key)
    run = RunConfig(key=key, dataset=dataset, protocol=protocol, steps=groups, method=method)
    method.check_classes(len(run.classes))
    backbones = available("meshcil.models.backbones")
    if method.backbone.name not in backbones:
        name = method.backbone.name
        raise InputError(f"backbone {name!r}", "is unknown", known_names(name, backbones))
    if key.budget != ANY_BUDGET:
        check_replay(method, run.budget)
        # The model's own bytes are known only after training; images alone must fit in any case.
        run.budget.per_class(len(run.classes), exemplar_bytes=pixel_size(*dataset.image_size))
    return run


def split_classes(protocol: ProtocolSettings, dataset: DatasetSettings, key: RunKey) -> tuple[tuple[str, ...], ...]:
    """Classes of each step.

    Raises InputError when the protocol's order or split does not suit the classes of the dataset.
    """
    try:
        return class_incremental(
            dataset.classes,
            protocol.base,
            protocol.increment,
            order="seed" if protocol.order == "run" else protocol.order,
            order_seed=key.seed if protocol.order == "run" else protocol.order_seed,
            limit=protocol.classes,
        )
    except InputError as error:
        # Each suits some datasets: only both names say what is wrong.
        raise InputError(f"protocol {key.protocol} on {key.dataset}", error.cause, error.remedy) from error


def fit_to_dataset(method: MethodSettings, dataset: DatasetSettings, key: RunKey) -> MethodSettings:
    """The method as it runs on the dataset: where there are no poses, without the head that estimates them.

    Raises InputError when the method needs poses, or selects exemplars by them, and the dataset has none.
    """
    if dataset.posed:
        return method
    remedy = "Use a 2D method, or give the dataset poses, CAD models and `focal` (docs/adding-a-dataset.md)"
    if method.needs_pose:
        raise InputError(f"method {key.method}", f"needs poses, and dataset {key.dataset} has none", remedy)
    if method.exemplars == "pose-aware":
        cause = f"selects exemplars by pose, and dataset {key.dataset} has none"
        raise InputError(f"method {key.method}", cause, "Use another strategy, e.g. `exemplars: herding`")
    return method.model_copy(update={"pose": None}) if "pose" in type(method).model_fields else method


def check_replay(method: MethodSettings, budget: Budget) -> None:
    """Refuse a budget that the method cannot use, and a method that cannot do without one.

    Raises InputError naming the method and the budgets that fit it.
    """
    if (method.replay == "never" or method.exemplars == "none") and budget.kind != "none":
        raise InputError(f"budget {budget.name}", f"does not suit {method.label}, which keeps no exemplars", "Use none")
    if method.replay == "required" and budget.kind == "none":
        raise InputError("budget none", f"does not suit {method.kind}, which needs exemplars", "Use e.g. total-96")


def main(
    config: Annotated[Path, typer.Option(help="Folder with datasets, protocols and methods.")],
    dataset: Annotated[str, typer.Option(help="File name in datasets.")],
    protocol: Annotated[str, typer.Option(help="File name in protocols.")],
    method: Annotated[str, typer.Option(help="Name of a method or variant in methods.")],
    budget: Annotated[
        str, typer.Option(help="none, total-<n>, per-class-<n>, bytes-<n>, paper-bytes-<n>; any: a first step.")
    ],
    seed: Annotated[int, typer.Option(help="Training seed.")],
    out: Annotated[Path, typer.Option(help="run.json")],
) -> None:
    """Write the resolved, validated settings of a run."""
    names = {"dataset": dataset, "protocol": protocol}
    key = validate(RunKey, {**names, "method": method, "budget": budget, "seed": seed}, "run")
    run = resolve_run(key, config)
    files = [file for kind, name in names.items() for file in yaml_files(config / f"{kind}s" / f"{name}.yaml")]
    with record_job(
        "resolve",
        inputs=[*files, *find_method(method, config).files],
        outputs=[out],
        settings=run.model_dump(mode="json"),
        modules=settings_modules("resolve", run),
        key=key.model_dump(),
        seed=seed,
    ):
        write_json_atomic(out, run.model_dump(mode="json"))


if __name__ == "__main__":
    execute(main)
