"""Three tiny steps of any method: trained once, looked at by many tests."""

from dataclasses import dataclass, field
from pathlib import Path

import torch

from meshcil.config.methods.base import TrainingSettings
from meshcil.core.artifacts import save_state
from meshcil.memory.selection import select
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Batch, Method, RunFacts
from meshcil.training.selection import TrainingData, selection_inputs
from meshcil.training.trainer import Progress, train_step
from tests.methods.factory import DEVICE, build, facts, pool

FACTS = facts((2, 2, 2))
KEPT = 6
TEST = pool([0, 1, 2, 3, 4, 5] * 6, seed=99)


@dataclass(frozen=True)
class Seen:
    """What a method was shown while step ``step`` trained."""

    step: int
    labels: set[int] = field(default_factory=set)
    replayed: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Run:
    """A trained run.

    Attributes:
        method: after the last step, its exemplars consolidated.
        states: file of the state after each step.
        exemplars: kept after each step.
        accuracy: on the test images of the classes seen, after each step.
        first: accuracy on the first step's classes after each step.
        seen: what each step showed the method.
    """

    method: Method
    states: tuple[Path, ...]
    exemplars: tuple[ImagePool, ...]
    accuracy: tuple[float, ...]
    first: tuple[float, ...]
    seen: tuple[Seen, ...]


def plain(method: Method) -> TrainingSettings:
    """Training without augmentation: mirror images of these bars are no other images."""
    block = method.settings.training
    return block.augmentation.model_copy(update={"flip": False, "rotate": 0.0, "colour": 0.0})


def short(kind: str, epochs: int = 2, run: RunFacts = FACTS, device: torch.device = DEVICE) -> Method:
    """An untrained method with few epochs."""
    return build(kind, run, device, epochs=epochs, lr=5e-3, augmentation=plain(build(kind)))


def images_of(step: int, facts: RunFacts = FACTS) -> ImagePool:
    """Training images of a step's classes."""
    return pool(list(range(facts.seen(step - 1), facts.seen(step))) * 12, seed=step + 1)


def join(*pools: ImagePool) -> ImagePool:
    """All images of the pools."""
    columns = {name: torch.cat([getattr(p, name) for p in pools]) for name in ("images", "labels", "poses")}
    return ImagePool(ids=tuple(name for p in pools for name in p.ids), **columns)


def data_of(method: Method, step: int, exemplars: ImagePool | None) -> TrainingData:
    """Images that a step trains on."""
    if method.trains_on_all_data:
        everything = join(*(images_of(k) for k in range(step + 1)))
        return TrainingData(everything, torch.zeros(len(everything), dtype=torch.bool))
    new = images_of(step)
    kept = exemplars if exemplars is not None and method.settings.replay != "never" else new.subset([])
    replayed = torch.arange(len(new) + len(kept)) >= len(new)
    return TrainingData(join(new, kept), replayed)


def train(
    method: Method, step: int, folder: Path, exemplars: ImagePool | None, progress: Progress | None = None
) -> None:
    """Train ``step`` on top of what ``method`` is."""
    if exemplars is not None:
        method.consolidate(exemplars)
    method.begin_step(step)
    train_step(method, data_of(method, step, exemplars), folder / f"checkpoint{step}", progress or (lambda row: None))


def choose(method: Method, step: int, previous: ImagePool | None) -> ImagePool:
    """Exemplars after a step: those there were, and a few of each new class."""
    new = images_of(step)
    arrays = selection_inputs(method, new, method.settings.exemplars)
    chosen = []
    for label in new.labels.unique().tolist():
        members = (new.labels == label).nonzero()[:, 0].numpy()
        own = {name: array[members] for name, array in arrays.items()}
        chosen += members[select(method.settings.exemplars, KEPT, **own)].tolist()
    kept = new.subset(chosen)
    return kept if previous is None else join(previous, kept)


def watch(method: Method, seen: Seen) -> None:
    """Note every image that the method is shown from now on."""
    losses, prepare, finish = method.losses, method.prepare_step, method.finish_step

    def noted(batch: Batch) -> dict:
        seen.labels.update(batch.labels.tolist())
        seen.replayed.update(batch.labels[batch.replayed].tolist())
        return losses(batch)

    def shown(images: ImagePool, hook: object) -> None:
        seen.labels.update(images.labels.tolist())
        hook(images)

    method.losses = noted
    method.prepare_step = lambda images: shown(images, prepare)
    method.finish_step = lambda images: shown(images, finish)


def train_run(kind: str, folder: Path, epochs: int = 12) -> Run:
    """Train three steps."""
    method = short(kind, epochs)
    states, kept, accuracy, first, seen = [], [], [], [], []
    for step in range(3):
        seen.append(Seen(step))
        watch(method, seen[-1])
        train(method, step, folder, kept[-1] if kept else None)
        del method.losses, method.prepare_step, method.finish_step
        states.append(folder / f"state{step}.safetensors")
        save_state(states[-1], method.state())
        kept.append(choose(method, step, kept[-1] if kept else None))
        method.consolidate(kept[-1])
        right = predicted(method) == TEST.labels
        accuracy.append(float(right[TEST.labels < method.seen].float().mean()))
        first.append(float(right[TEST.labels < 2].float().mean()))
    return Run(method, tuple(states), tuple(kept), tuple(accuracy), tuple(first), tuple(seen))


def predicted(method: Method) -> torch.Tensor:
    """Classes of the test images."""
    return method.predict(next(TEST.batches(len(TEST), method.device))).labels.cpu()
