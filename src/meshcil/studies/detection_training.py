"""Training a detector in two steps: images and targets of a phase, losses, distillation."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FasterRCNN

from meshcil.config.studies.detection import PhaseSettings, Settings
from meshcil.core.seeding import torch_generator
from meshcil.datasets.images import read_image
from meshcil.datasets.voc2007 import DetectionImage
from meshcil.models.detector import box_latents

_DISTILLED = 64
"""Proposals per image whose answers are distilled."""


@dataclass(frozen=True)
class Sample:
    """An image and the boxes that a phase may know."""

    image: DetectionImage  # where it lies, with all its objects
    boxes: Float[Tensor, "n 4"]  # float [n, 4], pixels of the original image
    labels: Int[Tensor, " n"]  # int64 [n], position of the class in the order of arrival plus 1


def samples_of(images: Sequence[DetectionImage], classes: Sequence[str], wanted: Sequence[str]) -> list[Sample]:
    """Images that show one of the ``wanted`` classes, annotated with these alone; difficult objects are left out.

    ``classes`` are in order of arrival.
    """
    found = []
    for image in images:
        names = zip(image.class_names, image.difficult, strict=True)
        rows = [i for i, (name, difficult) in enumerate(names) if name in wanted and not difficult]
        if rows:
            labels = torch.tensor([classes.index(image.class_names[i]) + 1 for i in rows])
            found.append(Sample(image, torch.from_numpy(image.boxes[rows]), labels))
    return found


def read_pixels(image: DetectionImage) -> Float[Tensor, "3 H W"]:
    """RGB in [0, 1]."""
    return torch.from_numpy(read_image(image.image).copy()).permute(2, 0, 1).float() / 255


def balanced_samples(samples: Sequence[Sample], classes: int, each: int, generator: torch.Generator) -> list[Sample]:
    """At most ``each`` images per class, drawn at random; an image counts for one of its classes only."""
    order = torch.randperm(len(samples), generator=generator).tolist()
    chosen: dict[int, Sample] = {}
    for label in range(1, classes + 1):
        members = [i for i in order if i not in chosen and bool((samples[i].labels == label).any())]
        chosen |= {i: samples[i] for i in members[:each]}
    return [chosen[i] for i in sorted(chosen)]


def train_phase(
    model: FasterRCNN,
    samples: Sequence[Sample],
    phase: PhaseSettings,
    settings: Settings,
    seed: int,
    name: str,
    teacher: FasterRCNN | None = None,
) -> None:
    """The detector's optimiser loop: AdamW on all parameters; half of the images mirrored, ``teacher`` distilled."""
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(model.parameters(), lr=phase.lr, weight_decay=settings.weight_decay)
    steps = phase.epochs * math.ceil(len(samples) / settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    generator = torch_generator(seed, "detection", name)
    model.train()
    with torch.random.fork_rng(devices=[]):
        # torchvision draws the boxes that it trains on from the global state.
        torch.manual_seed(generator.initial_seed())
        for _ in range(phase.epochs):
            for rows in torch.randperm(len(samples), generator=generator).split(settings.batch_size):
                images, targets = _load_batch([samples[i] for i in rows.tolist()], generator, device)
                terms = batch_losses(model, images, targets, teacher, settings)
                total = torch.stack(list(terms.values())).sum()
                if not bool(total.isfinite()):
                    raise FloatingPointError(f"detection loss is {float(total)} in phase {name}")
                optimizer.zero_grad(set_to_none=True)
                total.backward()
                optimizer.step()
                schedule.step()
    model.eval()


def _load_batch(
    samples: Sequence[Sample], generator: torch.Generator, device: torch.device
) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    images, targets = [], []
    for sample in samples:
        pixels, boxes = read_pixels(sample.image), sample.boxes.clone()
        if float(torch.rand((), generator=generator)) < 0.5:
            pixels = pixels.flip(2)
            boxes[:, [0, 2]] = pixels.shape[2] - boxes[:, [2, 0]]
        images.append(pixels.to(device))
        targets.append({"boxes": boxes.to(device), "labels": sample.labels.to(device)})
    return images, targets


def batch_losses(
    model: FasterRCNN,
    images: list[Tensor],
    targets: list[dict[str, Tensor]],
    teacher: FasterRCNN | None,
    settings: Settings,
) -> dict[str, Float[Tensor, ""]]:
    """Faster R-CNN's four terms and, with a teacher, distillation of maps, old logits and old offsets."""
    resized, known = model.transform(images, targets)
    features = model.backbone(resized.tensors)
    proposals, terms = model.rpn(resized, features, known)
    boxes = [found[:_DISTILLED].detach() for found in proposals]
    _, more = model.roi_heads(features, proposals, resized.image_sizes, known)
    terms = terms | more
    if teacher is None:
        return terms
    with torch.no_grad():
        taught_features = teacher.backbone(resized.tensors)
        taught = box_latents(teacher, taught_features, boxes, resized.image_sizes)
        logits, offsets = teacher.roi_heads.box_predictor(taught)
    kept = [functional.l1_loss(features[name], taught_features[name]) for name in taught_features]
    terms["features"] = settings.feature_weight * torch.stack(kept).mean()
    own_logits, own_offsets = model.roi_heads.box_predictor(box_latents(model, features, boxes, resized.image_sizes))
    old = logits.shape[1]
    # Logits are known up to a constant per box.
    gap = functional.mse_loss(_centred(own_logits[:, :old]), _centred(logits))
    shift = functional.smooth_l1_loss(own_offsets[:, : 4 * old], offsets)
    terms["boxes"] = settings.box_weight * (gap + shift)
    return terms


def _centred(logits: Float[Tensor, "n C"]) -> Float[Tensor, "n C"]:
    return logits - logits.mean(dim=1, keepdim=True)


def frozen_copy(model: FasterRCNN) -> FasterRCNN:
    """Copy in eval mode without gradients."""
    return copy.deepcopy(model).eval().requires_grad_(False)
