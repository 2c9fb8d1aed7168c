"""What a run will hold, known before it trains: the bytes of the model after each step."""

from functools import cache
from pathlib import Path

import torch

from meshcil.config.run import RunConfig, method_settings
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.naming import load_object
from meshcil.memory.ledger import Ledger, annotation_size, pixel_size
from meshcil.methods.base.method import Method, RunFacts

_UNKNOWN_CUBOID = ((-0.5, 0.5), (-0.3, 0.3), (-0.3, 0.3))


def planned_ledgers(method: Method) -> tuple[Ledger, ...]:
    """What an untrained ``method`` will keep after each step, exemplars aside; it is moved through all its steps."""
    ledgers = []
    for step in range(len(method.facts.step_sizes)):
        method.begin_step(step)
        ledgers.append(Ledger(tuple(method.ledger_rows())))
    return tuple(ledgers)


def exemplar_size(run: RunConfig, count: str) -> int:
    """Bytes of one stored exemplar: its pixels and, unless ``count`` is `paper`, its annotations."""
    annotations = 0 if count == "paper" else annotation_size(len(run.classes), pose=run.dataset.posed)
    return pixel_size(*run.dataset.image_size) + annotations


def quota(run: RunConfig, step: int, held: Ledger) -> int:
    """Exemplars of each class after ``step`` under the run's budget.

    A budget in carried bytes is shared with what the model holds after this very step, ``held``; one in bytes as MEMO
    counts with what it will hold after the last (MEMO, section 4: the budget is met at the end). Raises InputError when
    not even one exemplar per class fits.
    """
    budget = run.budget
    fixed = held.total(budget.count)
    if budget.count == "paper":
        fixed = ledgers_of(run)[-1].total("paper")
    size = exemplar_size(run, budget.count)
    return budget.per_class(len(run.seen(step)), fixed_bytes=fixed, exemplar_bytes=size)


def check_bytes(run: RunConfig, data: Path) -> None:
    """Refuse a budget in bytes that the run cannot keep after every step.

    ``data`` is its prepared dataset, for the cuboids of mesh models; where it is not there yet, their vertices are
    counted on a cuboid of common proportions, and `select` has the last word. Raises InputError naming the smallest
    budget that works.
    """
    budget = run.budget
    if not budget.in_bytes:
        return
    smallest = smallest_bytes(run, data)
    if budget.amount < smallest:
        raise InputError(
            f"budget {budget.name}",
            f"is too small for {run.key.method} on {run.key.dataset}, {run.key.protocol}: "
            "the model and one exemplar per class need more",
            f"Use {budget.kind}-{smallest} or more",
        )


def smallest_bytes(run: RunConfig, data: Path) -> int:
    """Bytes that hold the model and one exemplar of each class after every step."""
    budget = run.budget
    held = [ledger.total(budget.count) for ledger in ledgers_of(run, data)]
    if budget.count == "paper":
        held = [held[-1]] * len(held)
    size = exemplar_size(run, budget.count)
    return max(fixed + len(run.seen(step)) * size for step, fixed in enumerate(held))


def ledgers_of(run: RunConfig, data: Path | None = None) -> tuple[Ledger, ...]:
    """`planned_ledgers` of a run, built once for all its budgets and seeds."""
    path = None if data is None else data / "cuboids.json"
    cuboids = read_json(path) if path is not None and path.is_file() else {}
    bounds = tuple(tuple(map(tuple, cuboids.get(name, _UNKNOWN_CUBOID))) for name in run.classes)
    sizes = tuple(len(step) for step in run.steps)
    return _ledgers(run.method.kind, run.method.model_dump_json(), sizes, run.dataset.image_size, bounds)


@cache
def _ledgers(kind: str, method: str, sizes: tuple[int, ...], image_size: tuple[int, int], bounds: tuple) -> tuple:
    settings = method_settings(kind).model_validate_json(method)
    names = tuple(f"class {i}" for i in range(sum(sizes)))
    facts = RunFacts(names, sizes, image_size, 1.0, 5.0, torch.tensor(bounds), 0)
    learner = load_object("meshcil.methods", kind, "Learner")
    return planned_ledgers(learner(settings.without_weights(), facts, torch.device("cpu")))
