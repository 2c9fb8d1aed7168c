"""ELI's two-task experiment: what a second task does to the first one's latents, and what alignment undoes.

Digits 0-4, then 5-9; one linear map to the latents, one head per task (ELI, section 1; its public notebooks).
"""

import copy
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torchvision.datasets import MNIST

from meshcil.aligners.base import Aligner, LatentPairs
from meshcil.aligners.eli import LatentAligner
from meshcil.config.studies.two_tasks import Settings
from meshcil.core.errors import InputError
from meshcil.core.seeding import torch_generator
from meshcil.datasets.digits import GeneratorSettings, read_digits
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
    name, train, test = load_tasks(settings, context.seed)
    train, test = ([part.to(context.device) for part in half] for half in (train, test))
    order = torch.randperm(len(train[0].labels), generator=torch_generator(context.seed, "two-tasks", "held-out"))
    aside = round(settings.held_out_share * len(order))
    held_out, train[0] = train[0].subset(order[:aside]), train[0].subset(order[aside:])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_generator(context.seed, "two-tasks", "network").initial_seed())
        model = TwoHeads(train[0].pixels.shape[1], settings.width).to(context.device)
    optimizer = build_optimizer(model, settings)
    epochs = settings.epochs if name == "mnist" else settings.digits_epochs
    looks: list[pd.DataFrame] = []
    fit_task(model, train[0], 0, optimizer, settings.batch_size, epochs, context.seed)
    first = copy.deepcopy(model.base).requires_grad_(False)
    with torch.no_grad():
        looks.append(look("after-first", "first", 0, model.classify(first(test[0].pixels), 0), test[0]))
    fit_task(model, train[1], 1, optimizer, settings.batch_size, epochs, context.seed)
    model.requires_grad_(False)
    for split, part, task in (("first", test[0], 0), ("second", test[1], 1)):
        looks.append(look("after-second", split, 0, model.classify(model.base(part.pixels), task), part))
    context.say("both tasks are trained")
    watched = {"held-out": held_out, "first": test[0]}
    aligner = align(model, first, train[1], watched, looks, settings, context)
    places = [first(test[0].pixels), model.base(test[0].pixels)]
    places.append(aligner.align(places[1]))
    rows = movement(*places)
    if context.seed == 0:
        rows += picture(places, test[0], settings.picture_points)
    return StudyResult(name, "5-5", pd.concat(looks, ignore_index=True), rows)


def align(
    model: TwoHeads,
    first: nn.Linear,
    train: Part,
    watched: dict[str, Part],
    looks: list[pd.DataFrame],
    settings: Settings,
    context: StudyContext,
) -> LatentAligner:
    """Fit the aligner on the second task's images; every look classifies the aligned latents of ``watched``."""
    aligner = LatentAligner(settings.aligner, settings.width, 1, context.seed, context.device)
    latents = {split: model.base(part.pixels) for split, part in watched.items()}

    def monitor(current: Aligner, iteration: int) -> float:
        for split, part in watched.items():
            logits = model.classify(current.align(latents[split]), 0)
            looks.append(look("aligning", split, iteration, logits, part))
        return 0.0

    pairs = LatentPairs(first(train.pixels), model.base(train.pixels))
    report = aligner.fit(pairs, torch_generator(context.seed, "two-tasks", "aligner"), monitor)
    context.say(f"aligned; {report.outcome}")
    return aligner


def load_tasks(settings: Settings, seed: int) -> tuple[str, list[Part], list[Part]]:
    """Name of the dataset, and training and test images of both tasks.

    Raises:
        InputError: MNIST is asked for and not there.
    """
    files = settings.input_files()
    if settings.dataset == "mnist" and not files:
        raise InputError(settings.mnist_root, "does not hold MNIST", "Put its four files into MNIST/raw, or use digits")
    if files:
        splits = [MNIST(settings.mnist_root, train=train, download=False) for train in (True, False)]
        arrays = [(split.data.numpy() / 255, split.targets.numpy()) for split in splits]
    else:
        parts = read_digits(GeneratorSettings(seed=seed))
        arrays = [(part.images / 255, part.labels) for part in parts]
    train, test = ([_task(pixels, labels, task) for task in range(2)] for pixels, labels in arrays)
    return ("mnist" if files else "digits"), train, test


def _task(pixels: np.ndarray, labels: np.ndarray, task: int) -> Part:
    chosen = labels // _HALF == task
    flat = torch.from_numpy(pixels[chosen].reshape(int(chosen.sum()), -1)).float()
    return Part(flat, torch.from_numpy(labels[chosen].astype(np.int64)) - _HALF * task)


def build_optimizer(model: TwoHeads, settings: Settings) -> torch.optim.SGD:
    """One optimiser for both tasks, as published: it leaves the second head out unless told otherwise."""
    heads = model.heads if settings.train_second_head else model.heads[:1]
    return torch.optim.SGD([*model.base.parameters(), *heads.parameters()], lr=settings.lr, momentum=settings.momentum)


def fit_task(
    model: TwoHeads, part: Part, task: int, optimizer: torch.optim.Optimizer, size: int, epochs: int, seed: int
) -> None:
    """Train on one task; a last partial batch is dropped unless it is the only one."""
    generator = torch_generator(seed, "two-tasks", "batches", task)
    size = min(size, len(part.labels))
    for _ in range(epochs):
        for rows in torch.randperm(len(part.labels), generator=generator).split(size):
            if len(rows) < size:
                continue
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
    course = {split: table.loc[("aligning", split)] for split in ("first", "held-out")}
    for split, part in course.items():
        rows += [(int(i), split, "", "course", float(v), int(n)) for i, (v, n) in part.iterrows()]
    test, stop = course["first"], int(course["held-out"]["mean"].idxmax())
    count = int(test["size"].iloc[0])
    rows.append((0, "first", "", "aligned", float(test["mean"].iloc[-1]), count))
    rows.append((0, "first", "", "aligned_held_out", float(test["mean"].loc[stop]), count))
    rows.append((0, "first", "", "held_out_iteration", float(stop), 1))
    return rows
