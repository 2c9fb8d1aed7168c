"""MEMO's reason to share shallow layers and keep deep ones per step (MEMO, section 4.3), on digits or clothes.

One network that learns in steps: which blocks do gradients and parameters move most? A network per step (DER): after
which blocks do the networks of different steps still agree? DER begins each network as a copy of the one before, so
agreement may be inheritance; the control begins each from fresh weights.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int, UInt8
from torch import Tensor, nn

from meshcil.config.studies.layers import Settings
from meshcil.core.artifacts import save_state
from meshcil.core.errors import InputError
from meshcil.core.seeding import torch_generator
from meshcil.datasets import digits, fashion_mnist
from meshcil.datasets.mnist import read_split
from meshcil.evaluation.metrics import linear_cka
from meshcil.memory.selection import select
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method, RunFacts, seeded_initialisation
from meshcil.methods.der import Learner as ExpandableLearner
from meshcil.methods.wa import Learner as SingleLearner
from meshcil.models.backbones.cifar_resnet import build as build_backbone
from meshcil.models.chain import blocks, chain_layers
from meshcil.studies.base import StudyContext, StudyResult
from meshcil.training.checkpoint import load_checkpoint, remove_checkpoint
from meshcil.training.selection import TrainingData, selection_inputs
from meshcil.training.trainer import EpochRow, Progress, train_step

_SIZE = {"digits": 8, "fashion-mnist": 28}
_CLASSES = {"digits": digits.CLASSES, "fashion-mnist": fashion_mnist.NAMES}
Begun = Callable[[Method], None]


@dataclass(frozen=True)
class Moment:
    """A method that has just trained a step."""

    method: Method  # in its present state
    before: list[Tensor]  # parameters of each block before the step trained
    early: list[Tensor]  # the same after the step's first epoch
    epochs: list[dict[str, Any]]  # rows of the optimiser loop


def run(settings: Settings, context: StudyContext) -> StudyResult:
    """Train the three chains and measure their blocks.

    Evidence: one row per measurement. `measure`: `gradient` (mean norm over an epoch's batches), `parameters` of the
    block, `shift`, `shift_after_first_epoch` (mean squared change), `cka_<map|pooled>_<biased|unbiased>` and the same
    with `_fresh`; `step`, `block` from 1, `other` step (CKA) or epoch (gradient).
    """
    train, test = read_images(settings, context.seed)
    rows: list[dict[str, Any]] = []
    training = settings.single.training.model_copy(update={"block_gradients": True})
    single = settings.single.model_copy(update={"training": training})
    for moment in steps(SingleLearner(single, facts(settings, context), context.device), settings, context, train):
        rows += movements(moment)
    for suffix, begun in (("", None), ("_fresh", fresh_part)):
        learner = ExpandableLearner(settings.expandable, facts(settings, context), context.device)
        moment = list(steps(learner, settings, context, train, begun=begun, name=f"expandable{suffix}"))[-1]
        rows += likenesses(moment.method.network.backbone.parts, test, context.device, suffix)
    size, count = settings.classes_per_step, len(facts(settings, context).step_sizes)
    return StudyResult(settings.dataset, "-".join([str(size)] * count), pd.DataFrame(rows))


def facts(settings: Settings, context: StudyContext) -> RunFacts:
    """Facts of the chain."""
    classes, size = _CLASSES[settings.dataset], _SIZE[settings.dataset]
    sizes = (settings.classes_per_step,) * (len(classes) // settings.classes_per_step)
    bounds = torch.full((len(classes), 3, 2), torch.nan)
    return RunFacts(classes, sizes, (size, size), 1.0, 5.0, bounds, context.seed)


def read_images(settings: Settings, seed: int) -> tuple[ImagePool, ImagePool]:
    """Training and test images; of Fashion-MNIST the first of each class, whatever the seed.

    Raises InputError when Fashion-MNIST is not there.
    """
    counts = (settings.train_per_class, settings.test_per_class)
    if settings.dataset == "digits":
        first, second = digits.read_digits(digits.GeneratorSettings(digits.CLASSES, *counts, seed=seed))
        return pool_of(first.images, first.labels), pool_of(second.images, second.labels)
    if not Path(settings.root).is_dir():
        raise InputError(settings.root, "does not hold Fashion-MNIST", "Run `make data-fashion`")
    pools = []
    for split, count in zip(("train", "test"), counts, strict=True):
        data = read_split(Path(settings.root), split)
        rows = np.concatenate(
            [np.flatnonzero(data.labels == label)[:count] for label in range(len(fashion_mnist.NAMES))]
        )
        pools.append(pool_of(data.images[rows], data.labels[rows].astype(np.int64)))
    return pools[0], pools[1]


def pool_of(grey: UInt8[np.ndarray, "n H W"], labels: Int[np.ndarray, " n"]) -> ImagePool:
    """Grey images as methods take them."""
    images = torch.from_numpy(grey)[:, None].repeat(1, 3, 1, 1)
    ids = tuple(str(i) for i in range(len(images)))
    return ImagePool(ids, images, torch.from_numpy(labels), torch.full((len(images), 3), torch.nan))


def steps(
    method: Method,
    settings: Settings,
    context: StudyContext,
    train: ImagePool,
    *,
    begun: Begun | None = None,
    name: str = "single",
) -> Iterator[Moment]:
    """Train one step after the other with herded exemplars; ``begun`` may change the method before a step trains."""
    kept: list[int] = []
    for step in range(len(method.facts.step_sizes)):
        low, high = method.facts.seen(step - 1), method.facts.seen(step)
        new = ((train.labels >= low) & (train.labels < high)).nonzero()[:, 0].tolist()
        method.begin_step(step)
        if begun is not None and step > 0:
            begun(method)
        before = flat_blocks(method)
        data = TrainingData(train.subset(new + kept), torch.arange(len(new) + len(kept)) >= len(new))
        checkpoint = Path(f"{context.checkpoint}-{name}-{step}.safetensors")
        early, rows = train_watched(
            method, data, checkpoint, lambda row: context.say(f"{name} step {row['step']} epoch {row['epoch']}")
        )
        yield Moment(method, before, early, rows)
        for label in range(low, high):
            members = np.array([i for i in new if int(train.labels[i]) == label])
            arrays = selection_inputs(method, train.subset(members.tolist()), method.settings.exemplars)
            kept += members[select(method.settings.exemplars, settings.kept_per_class, **arrays)].tolist()


def train_watched(
    method: Method, data: TrainingData, checkpoint: Path, progress: Progress
) -> tuple[list[Tensor], list[EpochRow]]:
    """Train a step; parameters of each block after its first epoch, and the rows of all epochs.

    The parameters are kept in a file beside ``checkpoint``: a step that goes on from there is past its first epoch.
    Both are deleted when the step is trained.
    """
    beside = checkpoint.with_suffix(".early.safetensors")
    stored = load_checkpoint(beside)
    if stored is None:
        # A checkpoint without the file is the first epoch's, and the kill came in between: train that epoch again.
        remove_checkpoint(checkpoint)
    early = [] if stored is None else [block.to(method.device) for block in stored["blocks"]]

    def watch(row: EpochRow) -> None:
        progress(row)
        if not early:
            early.extend(flat_blocks(method))
            save_state(beside, {"blocks": early})

    rows = train_step(method, data, checkpoint, watch)
    remove_checkpoint(checkpoint)
    beside.unlink(missing_ok=True)
    return early, rows


def newest(method: Method) -> nn.Module:
    """The backbone that learns: the newest part, where there are several."""
    backbone = method.network.backbone
    return backbone.parts[-1] if isinstance(method, ExpandableLearner) else backbone


def flat_blocks(method: Method) -> list[Tensor]:
    """Copies of the parameters of each block, batch norm's included."""
    return [torch.cat([p.detach().flatten().clone() for p in block.parameters()]) for block in blocks(newest(method))]


def fresh_part(method: Method) -> None:
    """Begin the newest part from weights of its own instead of a copy."""
    with seeded_initialisation(torch_generator(method.facts.seed, "fresh part", method.step)):
        fresh = build_backbone(**method.settings.backbone.options)
    newest(method).load_state_dict(fresh.state_dict())


def movements(moment: Moment) -> Iterator[dict[str, Any]]:
    """Gradient norms of each epoch, and how far each block's parameters have moved."""
    step = moment.method.step
    for number, (now, before, early) in enumerate(
        zip(flat_blocks(moment.method), moment.before, moment.early, strict=True), start=1
    ):
        common = {"step": step, "block": number, "other": -1}
        yield {**common, "measure": "parameters", "value": float(len(now))}
        yield {**common, "measure": "shift", "value": float((now - before).square().mean())}
        yield {**common, "measure": "shift_after_first_epoch", "value": float((now - early).square().mean())}
        for row in moment.epochs:
            value = float(row[f"gradient_{number:02d}"])
            yield {"step": step, "block": number, "other": row["epoch"], "measure": "gradient", "value": value}


def likenesses(parts: nn.ModuleList, images: ImagePool, device: torch.device, suffix: str) -> Iterator[dict[str, Any]]:
    """CKA between the networks of any two steps after each block, of whole and of pooled maps, by both estimators."""
    maps = [block_outputs(part.eval(), torch.cat(list(images.batches(64, device)))) for part in parts]
    for i in range(len(maps)):
        for j in range(i):
            for number, (first, second) in enumerate(zip(maps[i], maps[j], strict=True), start=1):
                pair = {"step": i, "block": number, "other": j}
                for measure, value in compared(first, second).items():
                    yield {**pair, "measure": f"{measure}{suffix}", "value": value}


def compared(first: Tensor, second: Tensor) -> dict[str, float]:
    """CKA of two batches of maps, whole and pooled, by both estimators."""
    found = {}
    for form, reduced in (("map", lambda m: m.flatten(1)), ("pooled", lambda m: m.mean(dim=(2, 3)))):
        x, y = (reduced(maps).cpu().numpy() for maps in (first, second))
        found[f"cka_{form}_biased"] = linear_cka(x, y)
        found[f"cka_{form}_unbiased"] = linear_cka(x, y, unbiased=True)
    return found


@torch.no_grad()
def block_outputs(part: nn.Module, images: Tensor) -> list[Tensor]:
    """Maps after each block."""
    counted, outputs = set(map(id, blocks(part))), []
    for layer in chain_layers(part):
        images = layer(images)
        if id(layer) in counted:
            outputs.append(images)
    return outputs


def scores_of(evidence: pd.DataFrame) -> list[tuple[int, str, str, str, float, int]]:
    """Per step and block: mean gradient norm, as such and per root of parameters; shifts, norm of the change; mean CKA.

    CKA is averaged over all pairs with an earlier step, the block is the class name.
    """
    table = evidence.pivot_table(index=["step", "block"], columns="measure", values="value", aggfunc="mean")
    table["gradient_per_root"] = table["gradient"] / np.sqrt(table["parameters"])
    table["shift_norm"] = np.sqrt(table["shift"] * table["parameters"])
    rows = []
    for (step, block), values in table.drop(columns="parameters").iterrows():
        for measure, value in values.dropna().items():
            rows.append((int(step), "", f"block {block:02d}", str(measure), float(value), 1))
    return rows
