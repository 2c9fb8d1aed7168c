"""ELI's two-task experiment: what a second task does to the first one's latents, and what alignment undoes.

Classes 0-4, then 5-9; one linear map to the latents, one head per task (ELI, section 1; its public notebooks).
"""

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from meshcil.aligners.base import Aligner, LatentPairs, Monitor
from meshcil.aligners.eli import EnergyNetwork, LatentAligner
from meshcil.config.studies.two_tasks import Settings
from meshcil.core.errors import InputError
from meshcil.core.seeding import torch_generator
from meshcil.datasets.digits import GeneratorSettings, read_digits
from meshcil.datasets.mnist import read_split
from meshcil.studies.base import StudyContext, StudyResult

_HALF = 5
"""Classes per task; labels of each task run from 0."""


@dataclass(frozen=True)
class Part:
    """Images of one task: pixels in [0, 1], flattened; labels 0-4."""

    pixels: Float[Tensor, "n P"]
    labels: Int[Tensor, " n"]

    def to(self, device: torch.device) -> "Part":
        """The same on ``device``."""
        return Part(self.pixels.to(device), self.labels.to(device))

    def subset(self, rows: Tensor) -> "Part":
        """The images at ``rows``."""
        return Part(self.pixels[rows], self.labels[rows])


class TwoHeads(nn.Module):
    """One linear map without activation, and for each task a ReLU and a linear head."""

    def __init__(self, pixels: int, width: int) -> None:
        super().__init__()
        self.base = nn.Linear(pixels, width)
        self.heads = nn.ModuleList(nn.Linear(width, _HALF) for _ in range(2))

    def classify(self, latents: Float[Tensor, "n D"], task: int) -> Float[Tensor, "n 5"]:
        """Logits of a task's head."""
        return self.heads[task](functional.relu(latents))


def run(settings: Settings, context: StudyContext) -> StudyResult:
    """Train both tasks, align, and look at the first task all the while.

    Evidence: one row per look and image. `split`: `held-out` (training images of the first task that nothing is trained
    on), `first`, `second` (test images); `moment`: `after-first`, `after-second`, `aligning`; `iteration` of the
    aligner; `true_class`; `predicted_class`.
    """
    with torch.random.fork_rng(devices=[]):
        return _run(settings, context)


def _run(settings: Settings, context: StudyContext) -> StudyResult:
    name, train, test = load_tasks(settings, context.seed)
    train, test = ([part.to(context.device) for part in half] for half in (train, test))
    course = (_Published if settings.notebook_looks else _Separate)(settings, context)
    held_out, train[0] = course.set_aside(train[0])
    model = course.draw(lambda: TwoHeads(train[0].pixels.shape[1], settings.width)).to(context.device)
    optimizer = build_optimizer(model, settings)
    epochs = settings.digits_epochs if name == "digits" else settings.epochs
    looks: list[pd.DataFrame] = []
    fit_task(model, train[0], 0, optimizer, course.epochs(train[0], 0, epochs))
    first = copy.deepcopy(model.base).requires_grad_(False)
    with torch.no_grad():
        looks.append(look("after-first", "first", 0, model.classify(first(test[0].pixels), 0), test[0]))
    course.pass_over(0)
    fit_task(model, train[1], 1, optimizer, course.epochs(train[1], 1, epochs))
    model.requires_grad_(False)
    for split, part, task in (("first", test[0], 0), ("second", test[1], 1)):
        looks.append(look("after-second", split, 0, model.classify(model.base(part.pixels), task), part))
    course.pass_over(1)
    context.say("both tasks are trained")
    watched = {"first": test[0]} | ({"held-out": held_out} if len(held_out.labels) else {})
    pairs = LatentPairs(first(train[1].pixels), model.base(train[1].pixels))
    aligner = course.align(pairs, _monitor(model, watched, looks))
    places = [first(test[0].pixels), model.base(test[0].pixels)]
    places.append(aligner.align(places[1]))
    rows = movement(*places)
    if context.seed == 0:
        rows += picture(places, test[0], settings.picture_points)
    return StudyResult(name, "5-5", pd.concat(looks, ignore_index=True), rows)


def _monitor(model: TwoHeads, watched: Mapping[str, Part], looks: list[pd.DataFrame]) -> Monitor:
    """Classifies the aligned latents of ``watched`` and notes the answers."""
    latents = {split: model.base(part.pixels) for split, part in watched.items()}

    def monitor(current: Aligner, iteration: int) -> float:
        for split, part in watched.items():
            looks.append(look("aligning", split, iteration, model.classify(current.align(latents[split]), 0), part))
        return 0.0

    return monitor


class _Separate:
    """Every purpose draws from a generator of its own."""

    def __init__(self, settings: Settings, context: StudyContext) -> None:
        self.settings, self.context = settings, context

    def set_aside(self, part: Part) -> tuple[Part, Part]:
        """Images that only decide when to stop, and those that are trained on."""
        order = torch.randperm(len(part.labels), generator=self._generator("held-out"))
        aside = round(self.settings.held_out_share * len(order))
        return part.subset(order[:aside]), part.subset(order[aside:])

    def draw(self, make: Callable[[], TwoHeads]) -> TwoHeads:
        """The network."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._generator("network").initial_seed())
            return make()

    def epochs(self, part: Part, task: int, count: int) -> Iterator[Iterable[Tensor]]:
        """Rows of each batch of each epoch; a last partial batch is dropped unless it is the only one."""
        generator, size = self._generator("batches", task), min(self.settings.batch_size, len(part.labels))
        for _ in range(count):
            batches = torch.randperm(len(part.labels), generator=generator).split(size)
            yield [rows for rows in batches if len(rows) == size]

    def pass_over(self, task: int) -> None:
        """Look at test images after a task: draws nothing."""

    def align(self, pairs: LatentPairs, monitor: Monitor) -> LatentAligner:
        """Fit the aligner on the second task's images."""
        aligner = LatentAligner(self.settings.aligner, self.settings.width, 1, self.context.seed, self.context.device)
        report = aligner.fit(pairs, self._generator("aligner"), monitor)
        self.context.say(f"aligned; {report.outcome}")
        return aligner

    def _generator(self, *purpose: str | int) -> torch.Generator:
        return torch_generator(self.context.seed, "two-tasks", *purpose)


class _Published(_Separate):
    """All purposes draw from one generator, in the order of the public notebook."""

    LOOK = 1000
    """The notebook passes over the test images whenever so many iterations of the aligner are done, and at first."""

    def set_aside(self, part: Part) -> tuple[Part, Part]:
        """The notebook knows no held-out images."""
        torch.manual_seed(self.context.seed)
        return part.subset(torch.arange(0)), part

    def draw(self, make: Callable[[], TwoHeads]) -> TwoHeads:
        """The network, first of all."""
        return make()

    def epochs(self, part: Part, task: int, count: int) -> Iterator[Iterable[Tensor]]:
        """PyTorch's loader, which draws a number of its own before the order of each epoch."""
        loader = self._loader(len(part.labels))
        yield from (loader for _ in range(count))

    def pass_over(self, task: int) -> None:
        """Draw what the loaders of test images draw."""
        for _ in range(self.settings.notebook_looks[task] if self.settings.notebook_looks else 0):
            iter(DataLoader(range(1)))

    def align(self, pairs: LatentPairs, monitor: Monitor) -> LatentAligner:
        """The notebook's loop: the energy network and its average are drawn, then batches and looks."""
        settings = self.settings.aligner
        aligner = LatentAligner(settings, self.settings.width, 1, self.context.seed, self.context.device)
        state, _ = (EnergyNetwork(self.settings.width, settings.layers, settings.hidden).state_dict() for _ in "xx")
        for network in (aligner.network, aligner.average):
            network.load_state_dict(state)
        loader = self._loader(len(pairs))
        batches = itertools.chain.from_iterable(itertools.repeat(loader))
        monitor(aligner, 0)
        for iteration in range(1, settings.iterations + 1):
            if aligner.train_batch(pairs.subset(next(batches).to(self.context.device))) is None:
                raise InputError(f"iteration {iteration}", "the aligner is no longer finite", "Lower its `lr`")
            if iteration % self.LOOK == 1:
                iter(DataLoader(range(1)))
            if iteration % settings.evaluate_every == 0 or iteration == settings.iterations:
                monitor(aligner, iteration)
        return aligner

    def _loader(self, count: int) -> DataLoader:
        return DataLoader(range(count), self.settings.batch_size, shuffle=True, drop_last=True)


def load_tasks(settings: Settings, seed: int) -> tuple[str, list[Part], list[Part]]:
    """Name of the dataset, and training and test images of both tasks.

    Raises InputError when MNIST or Fashion-MNIST is asked for and not there.
    """
    files, name = settings.input_files(), settings.dataset
    if name == "mnist" and not files:
        raise InputError(settings.mnist_root, "does not hold MNIST", "Put its four files into MNIST/raw, or use digits")
    if name == "fashion-mnist" and not files:
        raise InputError(settings.mnist_root, "does not hold Fashion-MNIST", "Run `make data-fashion`")
    if name == "auto":
        name = "mnist" if files else "digits"
    if name != "digits":
        splits = [read_split(settings.files_folder, split) for split in ("train", "test")]
        arrays = [(split.images / 255, split.labels) for split in splits]
    else:
        parts = read_digits(GeneratorSettings(seed=seed))
        arrays = [(part.images / 255, part.labels) for part in parts]
    train, test = ([_task(pixels, labels, task) for task in range(2)] for pixels, labels in arrays)
    return name, train, test


def _task(pixels: np.ndarray, labels: np.ndarray, task: int) -> Part:
    chosen = labels // _HALF == task
    flat = torch.from_numpy(pixels[chosen].reshape(int(chosen.sum()), -1)).float()
    return Part(flat, torch.from_numpy(labels[chosen].astype(np.int64)) - _HALF * task)


def build_optimizer(model: TwoHeads, settings: Settings) -> torch.optim.SGD:
    """One optimiser for both tasks, as published: it leaves the second head out unless told otherwise."""
    heads = model.heads if settings.train_second_head else model.heads[:1]
    return torch.optim.SGD([*model.base.parameters(), *heads.parameters()], lr=settings.lr, momentum=settings.momentum)


def fit_task(
    model: TwoHeads, part: Part, task: int, optimizer: torch.optim.Optimizer, epochs: Iterable[Iterable[Tensor]]
) -> None:
    """The optimiser loop of the network with two heads: one task, batch by batch of all epochs."""
    for batches in epochs:
        for rows in batches:
            loss = functional.cross_entropy(model.classify(model.base(part.pixels[rows]), task), part.labels[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()


def look(moment: str, split: str, iteration: int, logits: Float[Tensor, "n 5"], part: Part) -> pd.DataFrame:
    """Answers for one set of images at one moment."""
    answers = {"true_class": part.labels.cpu().numpy(), "predicted_class": logits.argmax(dim=1).cpu().numpy()}
    return pd.DataFrame({"moment": moment, "split": split, "iteration": iteration, **answers})


def movement(before: Tensor, after: Tensor, aligned: Tensor) -> list[tuple]:
    """Mean distance that each latent dimension is shifted by the second task, and moved by alignment."""
    found = {"shift": (after - before).abs().mean(dim=0), "movement": (aligned - after).abs().mean(dim=0)}
    count = len(after)
    return [
        (0, "first", f"dimension {i}", metric, value, count)
        for metric, values in found.items()
        for i, value in enumerate(values.tolist())
    ]


def picture(places: list[Float[Tensor, "n D"]], part: Part, points: int) -> list[tuple]:
    """Latents of some test images in the two main directions of those before the second task."""
    chosen = torch.linspace(0, len(part.labels) - 1, min(points, len(part.labels))).long()
    centre = places[0].mean(dim=0)
    directions = torch.linalg.svd(places[0] - centre, full_matrices=False)[2][:2]
    # The sign of a singular vector is arbitrary.
    directions = directions * directions.gather(1, directions.abs().argmax(dim=1, keepdim=True)).sign()
    rows = []
    for name, latents in zip(("before", "after", "aligned"), places, strict=True):
        flat = ((latents[chosen] - centre) @ directions.T).tolist()
        for i, (label, point) in enumerate(zip(part.labels[chosen].tolist(), flat, strict=True)):
            rows += [(0, name, str(label), axis, value, i) for axis, value in zip("xy", point, strict=True)]
    return rows


def scores_of(evidence: pd.DataFrame) -> list[tuple]:
    """Accuracies by moment, the course of the alignment, and where held-out training images would stop it.

    `aligned` is at the last iteration, the published stopping point; `aligned_held_out` where accuracy on held-out
    training images is best (the first such iteration): no test image chooses it.
    """
    right = (evidence["true_class"] == evidence["predicted_class"]).groupby(
        [evidence["moment"], evidence["split"], evidence["iteration"]]
    )
    table = right.agg(["mean", "size"])
    rows = []
    for (moment, split, _), (value, count) in table.drop(index="aligning").iterrows():
        rows.append((0, split, "", moment.replace("-", "_"), float(value), int(count)))
    splits = table.loc["aligning"].index.get_level_values("split").unique()
    course = {split: table.loc[("aligning", split)] for split in splits}
    for split, part in course.items():
        rows += [(int(i), split, "", "course", float(v), int(n)) for i, (v, n) in part.iterrows()]
    test = course["first"]
    count = int(test["size"].iloc[0])
    rows.append((0, "first", "", "aligned", float(test["mean"].iloc[-1]), count))
    if "held-out" in course:
        stop = int(course["held-out"]["mean"].idxmax())
        rows.append((0, "first", "", "aligned_held_out", float(test["mean"].loc[stop]), count))
        rows.append((0, "first", "", "held_out_iteration", float(stop), 1))
    return rows
