"""Incremental detection (ELI, section 4.3), with ordinary proposals at test time and boxes in original coordinates.

A Faster R-CNN learns the first classes, then the others with distillation and balanced exemplars. An aligner is fitted
to box latents of the second step's training images; at test time each gate decides which boxes are classified by their
aligned latent. Boxes are those of the unaligned latent: alignment is about classes.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchvision.models.detection.faster_rcnn import FasterRCNN
from torchvision.ops import box_iou

from meshcil.aligners.base import Aligner, LatentPairs
from meshcil.aligners.eli import LatentAligner
from meshcil.aligners.gates import apply_gate, fit_energy_rule, fit_learned_rule
from meshcil.config.gates import GATES, ORACLE_GATES
from meshcil.config.studies.detection import Settings
from meshcil.core.artifacts import load_state, save_state
from meshcil.core.errors import InputError
from meshcil.core.seeding import torch_generator
from meshcil.datasets.voc2007 import DetectionImage, list_images
from meshcil.methods.base.method import seeded_initialisation
from meshcil.models.detector import box_latents, build_detector, grow_predictor
from meshcil.studies.base import StudyContext, StudyResult
from meshcil.studies.detection_training import (
    Sample,
    balanced_samples,
    frozen_copy,
    read_pixels,
    samples_of,
    train_phase,
)

_FOREGROUND = 0.5
"""Overlap (IoU) from which a proposal shows an object."""
_MATCH = 0.5
"""Overlap (IoU) from which a detection finds an object."""
_RECALLS = [i / 10 for i in range(11)]
_CORNERS = ["x0", "y0", "x1", "y1"]
_COLUMNS = ["kind", "moment", "image", "class_name", "task", "difficult", "score", *_CORNERS]


def run(settings: Settings, context: StudyContext) -> StudyResult:
    """Train both steps, align, and detect in all test images at every moment.

    Evidence: one row per box. `kind`: `truth` or `found`; `moment`: `base` (after the first step), `plain` (after the
    second, unaligned) or the gate; `image`; `class_name`; `task` of the class; `difficult`; `score`; corners in pixels
    of the original image.
    """
    with quick_kernels(context.device):
        return _run(settings, context)


@contextmanager
def quick_kernels(device: torch.device) -> Iterator[None]:
    """Leave the deterministic mode on a GPU, where torchvision's `roi_align` would be compiled from Python in it."""
    mode = torch.get_deterministic_debug_mode()
    if device.type == "cuda":
        torch.set_deterministic_debug_mode("default")
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)


def _run(settings: Settings, context: StudyContext) -> StudyResult:
    train, test = (list_images(Path(settings.root), split) for split in ("trainval", "test"))
    classes, old = settings.classes, settings.classes[: settings.base]
    model = build_model(settings, context)
    first = samples_of(train, classes, old)
    _phase(model, first, "first", settings, context)
    model.roi_heads.score_thresh = settings.score_threshold
    rows = truth_rows(test, settings)
    rows += [row for image in test for row in plain_rows(model, image, "base", settings)]
    previous = frozen_copy(model)
    with seeded_initialisation(torch_generator(context.seed, "detection", "later classes")):
        grow_predictor(model, len(classes))
    later = samples_of(train, classes, classes[settings.base :])
    _phase(model, later, "increment", settings, context, previous)
    kept = balanced_samples(first, settings.base, settings.exemplars, torch_generator(context.seed, "exemplars"))
    _phase(model, balanced_set(kept, later, settings, context.seed), "balanced", settings, context, previous)
    current = frozen_copy(model)
    aligner = fit_aligner(previous, current, later, kept, settings, context)
    rows += [row for image in test for row in gated_rows(current, aligner, image, settings)]
    protocol = f"{settings.base}-{len(classes) - settings.base}"
    dataset = settings.dataset or Path(settings.root).name
    extra = [(1, "", "", f"{row.name.replace(' ', '_')}_bytes", float(row.bytes), 1) for row in aligner.ledger_rows()]
    return StudyResult(dataset, protocol, pd.DataFrame(rows, columns=_COLUMNS), extra)


def build_model(settings: Settings, context: StudyContext) -> FasterRCNN:
    """The detector of the first classes, untrained."""
    with seeded_initialisation(torch_generator(context.seed, "detection", "network")):
        model = build_detector(settings.network, settings.base, weights=settings.weights, size=settings.image_size)
    return model.to(context.device)


def _phase(
    model: FasterRCNN,
    samples: Sequence[Sample],
    name: str,
    settings: Settings,
    context: StudyContext,
    teacher: FasterRCNN | None = None,
) -> None:
    """Train a phase, or take its result from an interrupted run."""
    stored = context.checkpoint.with_name(f"{context.checkpoint.name}-{name}.safetensors")
    if stored.exists():
        model.load_state_dict(load_state(stored)["model"])
        model.eval()
        return
    train_phase(model, samples, getattr(settings, name), settings, context.seed, name, teacher)
    save_state(stored, {"model": dict(model.state_dict())})
    context.say(f"phase {name}: {len(samples)} images")


def balanced_set(kept: Sequence[Sample], later: Sequence[Sample], settings: Settings, seed: int) -> list[Sample]:
    """Exemplars of earlier classes, and as many images of each later class."""
    draws = torch_generator(seed, "detection", "balanced set")
    shifted = [Sample(s.image, s.boxes, s.labels - settings.base) for s in later]
    chosen = balanced_samples(shifted, len(settings.classes) - settings.base, settings.exemplars, draws)
    return [*kept, *(Sample(s.image, s.boxes, s.labels + settings.base) for s in chosen)]


@torch.no_grad()
def fit_aligner(
    previous: FasterRCNN,
    current: FasterRCNN,
    later: Sequence[Sample],
    kept: Sequence[Sample],
    settings: Settings,
    context: StudyContext,
) -> LatentAligner:
    """Fit the aligner to foreground boxes of the second step's training images, and the gates with exemplars.

    Each model looks at the boxes through its own backbone.
    """
    draws = torch_generator(context.seed, "detection", "aligner")
    order = torch.randperm(len(later), generator=draws).tolist()
    aside = max(1, math.ceil(settings.aligner.threshold_share * len(later)))
    parts = [foreground_latents(previous, current, later[i]) for i in order[aside:]]
    before, after = (torch.cat(column) for column in zip(*parts, strict=True))
    aligner = LatentAligner(settings.aligner, after.shape[1], 1, context.seed, context.device)
    with torch.enable_grad():
        report = aligner.fit(LatentPairs(before, after), draws)
    context.say(f"aligner: {len(after)} boxes; {report.outcome}")
    old, held = (
        torch.cat([foreground_latents(previous, current, s)[1] for s in part])
        for part in (kept, [later[i] for i in order[:aside]])
    )
    aligner.energy_rule = fit_energy_rule(*(aligner.negative_energy(latents) for latents in (old, held)))
    aligner.learned_rule = fit_learned_rule(old, torch.cat([held, after]))
    return aligner


@torch.no_grad()
def foreground_latents(
    previous: FasterRCNN, current: FasterRCNN, sample: Sample
) -> tuple[Float[Tensor, "n D"], Float[Tensor, "n D"]]:
    """Latents of both models for the annotated boxes and the present model's proposals that show them."""
    device = next(current.parameters()).device
    target = {"boxes": sample.boxes.to(device), "labels": sample.labels.to(device)}
    resized, known = current.transform([read_pixels(sample.image).to(device)], [target])
    features = current.backbone(resized.tensors)
    proposals = current.rpn(resized, features)[0][0]
    objects = known[0]["boxes"]
    shown = box_iou(proposals, objects).amax(dim=1) >= _FOREGROUND
    boxes = [torch.cat([objects, proposals[shown]])]
    earlier = box_latents(previous, previous.backbone(resized.tensors), boxes, resized.image_sizes)
    return earlier, box_latents(current, features, boxes, resized.image_sizes)


@torch.no_grad()
def plain_rows(model: FasterRCNN, image: DetectionImage, moment: str, settings: Settings) -> list[tuple]:
    """Detections of an image by the network's own inference."""
    device = next(model.parameters()).device
    return found_rows(model([read_pixels(image).to(device)])[0], image, moment, settings)


@torch.no_grad()
def gated_rows(model: FasterRCNN, aligner: Aligner, image: DetectionImage, settings: Settings) -> list[tuple]:
    """Detections of an image, unaligned and under every gate, from the same ordinary proposals."""
    device = next(model.parameters()).device
    pixels = read_pixels(image).to(device)
    resized, _ = model.transform([pixels])
    features = model.backbone(resized.tensors)
    proposals = model.rpn(resized, features)[0]
    latents = box_latents(model, features, proposals, resized.image_sizes)
    logits, offsets = model.roi_heads.box_predictor(latents)
    moved = model.roi_heads.box_predictor.cls_score(align(aligner, latents))
    scale = torch.tensor([pixels.shape[2], pixels.shape[1]] * 2) / torch.tensor([*resized.image_sizes[0][::-1]] * 2)
    told = true_old(proposals[0].cpu() * scale, image, settings)
    rows, energy_says_old = [], aligner.energy_rule.says_old(aligner.negative_energy(latents))
    for moment in ("plain", *GATES):
        chosen = logits
        if moment != "plain":
            chosen = apply_gate(
                moment,
                logits.roll(-1, dims=1),  # the background, first in the network, goes last
                moved.roll(-1, dims=1),
                old=settings.base,
                energy_says_old=energy_says_old,
                learned_says_old=aligner.learned_rule.says_old(latents),
                true_old=told.to(device) if moment in ORACLE_GATES else None,
                background=True,
            ).roll(1, dims=1)
        boxes, scores, labels = model.roi_heads.postprocess_detections(chosen, offsets, proposals, resized.image_sizes)
        result = [{"boxes": boxes[0], "labels": labels[0], "scores": scores[0]}]
        result = model.transform.postprocess(result, resized.image_sizes, [tuple(pixels.shape[1:])])
        rows += found_rows(result[0], image, moment, settings)
    return rows


def true_old(proposals: Float[Tensor, "n 4"], image: DetectionImage, settings: Settings) -> Bool[Tensor, " n"]:
    """Which proposals show an object of an earlier class: what the oracle gates are told, and nobody else.

    Proposals are in pixels of the original image.
    """
    if not len(image.boxes):
        return torch.zeros(len(proposals), dtype=torch.bool)
    overlap, best = box_iou(proposals, torch.from_numpy(image.boxes)).max(dim=1)
    old = torch.tensor([name in settings.classes[: settings.base] for name in image.class_names])
    return (overlap >= _FOREGROUND) & old[best]


def found_rows(result: dict[str, Tensor], image: DetectionImage, moment: str, settings: Settings) -> list[tuple]:
    """Evidence of detections."""
    answers = zip(result["boxes"].tolist(), result["labels"].tolist(), result["scores"].tolist(), strict=True)
    return [_row("found", moment, image.id, settings.classes[n - 1], settings, False, s, b) for b, n, s in answers]


def truth_rows(images: Sequence[DetectionImage], settings: Settings) -> list[tuple]:
    """Evidence of annotated objects."""
    return [
        _row("truth", "", image.id, name, settings, bool(difficult), 1.0, box.tolist())
        for image in images
        for name, difficult, box in zip(image.class_names, image.difficult, image.boxes, strict=True)
        if name in settings.classes
    ]


def align(aligner: Aligner, latents: Float[Tensor, "n D"]) -> Float[Tensor, "n D"]:
    """Aligned latents; an `InputError` when one is not finite."""
    try:
        return aligner.align(latents)
    except FloatingPointError as error:
        remedy = "Give the study's aligner a smaller learning rate or fewer iterations"
        raise InputError("aligner", str(error), remedy) from error


def _row(
    kind: str, moment: str, image: str, name: str, settings: Settings, difficult: bool, score: float, box: list[float]
) -> tuple:
    task = int(settings.classes.index(name) >= settings.base)
    return (kind, moment, image, name, task, difficult, score, *box)


def scores_of(evidence: pd.DataFrame) -> list[tuple]:
    """AP50 by moment, class and task: the 11-point average of VOC 2007, difficult objects ignored.

    After the first step only its classes are scored.
    """
    truth = evidence[evidence["kind"] == "truth"]
    tasks = truth.groupby("class_name")["task"].first()
    # Summed, because a class may have difficult objects only.
    counts = (~truth["difficult"]).groupby(truth["class_name"]).sum()
    rows = []
    for moment in dict.fromkeys(evidence.loc[evidence["kind"] == "found", "moment"]):
        found = evidence[(evidence["kind"] == "found") & (evidence["moment"] == moment)]
        names = [name for name in tasks.index if moment != "base" or tasks[name] == 0]
        classes = ((n, *(part[part["class_name"] == n] for part in (truth, found))) for n in names)
        precision = {name: average_precision(objects, answers) for name, objects, answers in classes}
        rows += [(1, moment, name, "ap50", precision[name], int(counts[name])) for name in names]
        groups = {"ap50_old": [n for n in names if tasks[n] == 0], "ap50_new": [n for n in names if tasks[n] == 1]}
        for metric, members in (*groups.items(), ("ap50", names)):
            if members:
                value = sum(precision[name] for name in members) / len(members)
                rows.append((1, moment, "", metric, value, int(counts[members].sum())))
    return rows


def average_precision(truth: pd.DataFrame, found: pd.DataFrame) -> float:
    """AP of one class at an overlap of 0.5: precision averaged at recalls 0, 0.1, ..., 1 (VOC 2007, section 4.2).

    As the VOC 2007 development kit (VOCevaldet.m): detections of all images are taken by falling score, and each counts
    for the object of its image that it overlaps most. It is wrong when that overlap is below a half, or when an earlier
    one has found this object, whatever else it shows; for a difficult object it is neither right nor wrong. Of equal
    scores or overlaps the first goes first. Objects and detections are in the columns of the evidence.
    """
    objects = objects_shown(truth, found)[np.argsort(-found["score"].to_numpy(), kind="stable")]
    # Detections that show no object count as wrong: theirs, the last, is not difficult.
    difficult = np.append(truth["difficult"].to_numpy(dtype=bool), False)
    objects = objects[~difficult[objects]]
    right = np.cumsum((objects >= 0) & ~pd.Series(objects).duplicated().to_numpy())
    precision, recall = right / np.arange(1, len(right) + 1), right / max((~difficult[:-1]).sum(), 1)
    return float(np.mean([precision[recall >= level].max(initial=0.0) for level in _RECALLS]))


def objects_shown(truth: pd.DataFrame, found: pd.DataFrame) -> Int[np.ndarray, " n"]:
    """For each row of ``found`` the row of ``truth`` that it overlaps most, in the same image; -1 below `_MATCH`."""
    objects, boxes = (torch.tensor(table[_CORNERS].to_numpy(dtype=float)) for table in (truth, found))
    shown, places = np.full(len(found), -1), truth.groupby("image").indices
    for image, rows in found.groupby("image").indices.items():
        if image in places:
            overlap = box_iou(boxes[rows], objects[places[image]]).numpy()
            shown[rows] = np.where(overlap.max(axis=1) >= _MATCH, places[image][overlap.argmax(axis=1)], -1)
    return shown
