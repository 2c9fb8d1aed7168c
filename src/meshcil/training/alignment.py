"""Fitting an aligner to two successive states of a method, and predicting through its gates."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from meshcil.aligners.base import Aligner, FitReport, LatentPairs
from meshcil.aligners.gates import fit_energy_rule, fit_learned_rule
from meshcil.config.aligners.base import AlignerSettings
from meshcil.core.naming import load_object
from meshcil.core.seeding import torch_generator
from meshcil.datasets.prepared import load_split
from meshcil.methods.base.images import ImagePool
from meshcil.methods.base.method import Method

_BATCH = 32


@dataclass(frozen=True)
class GateInputs:
    """What every gate chooses between, one row per image."""

    plain: Float[Tensor, "n C"]  # logits of unaligned latents
    aligned: Float[Tensor, "n C"]  # logits of aligned latents
    energy_says_old: Bool[Tensor, " n"]  # whether the mean g of the image's unaligned latents speaks for an old class
    learned_says_old: Bool[Tensor, " n"]  # whether the mean of these latents does


def build_aligner(settings: AlignerSettings, method: Method, width: int) -> Aligner:
    """An unfitted aligner for latents of ``method`` as it is after its present step."""
    kind = load_object("meshcil.aligners", settings.kind, "LatentAligner")
    return kind(settings, width, method.step, method.facts.seed, method.device)


def latent_width(method: Method) -> int:
    """Channels of the method's latents."""
    height, width = method.facts.image_size
    return method.latents(torch.zeros(1, 3, height, width, device=method.device)).shape[2]


def fit_aligner(
    settings: AlignerSettings, previous: Method, current: Method, images: ImagePool, exemplars: ImagePool
) -> tuple[Aligner, FitReport]:
    """Fit an aligner between two states of a method (ELI, section 3), and the two gates that learn from images.

    It learns from the step's new training ``images``, but not from those that the gate by energy is fitted to;
    exemplars of earlier classes serve the gates alone. Raises ValueError when the two states have latents of different
    width, as those of expandable networks do.
    """
    draws = torch_generator(current.facts.seed, "aligner", settings.kind, current.step)
    order = torch.randperm(len(images), generator=draws)
    aside = min(len(images) - 1, math.ceil(settings.threshold_share * len(images)))
    pairs = latent_pairs(previous, current, images.subset(order[aside:]), settings.latents_per_image, draws)
    aligner = build_aligner(settings, current, pairs.current.shape[1])
    report = aligner.fit(pairs, draws)
    old, new = (mean_latents(current, aligner, pool) for pool in (exemplars, images))
    aligner.energy_rule = fit_energy_rule(old.energy, new.energy[order[:aside].to(new.energy.device)])
    aligner.learned_rule = fit_learned_rule(old.latents, new.latents)
    return aligner, report


@torch.no_grad()
def latent_pairs(
    previous: Method, current: Method, images: ImagePool, per_image: int, generator: torch.Generator
) -> LatentPairs:
    """Latents of both states for the same images; of images with several latents a random choice of places."""
    parts = []
    for batch in images.batches(_BATCH, current.device):
        both = [method.latents(batch) for method in (previous, current)]
        if both[0].shape != both[1].shape:
            raise ValueError(
                f"previous must have latents of width {both[1].shape[2]}, as the present model has, "
                f"not {both[0].shape[2]}"
            )
        count = both[0].shape[1]
        lots = torch.rand(len(batch), count, generator=generator)
        places = lots.argsort(dim=1)[:, : min(per_image, count), None].to(current.device)
        parts.append([latents.take_along_dim(places, dim=1).flatten(0, 1) for latents in both])
    before, after = zip(*parts, strict=True)
    return LatentPairs(torch.cat(before), torch.cat(after))


@dataclass(frozen=True)
class MeanLatents:
    """What the fitted gates look at, one row per image."""

    energy: Float[Tensor, " n"]  # mean g of the image's unaligned latents
    latents: Float[Tensor, "n D"]  # their mean


@torch.no_grad()
def mean_latents(method: Method, aligner: Aligner, images: ImagePool) -> MeanLatents:
    """Mean g and mean of the unaligned latents of each image; labels are not looked at."""
    empty = torch.zeros(0, 1, aligner.width, device=method.device)
    parts = [_means(aligner, method.latents(batch)) for batch in images.batches(_BATCH, method.device)]
    parts = parts or [_means(aligner, empty)]
    return MeanLatents(*(torch.cat(column) for column in zip(*parts, strict=True)))


@torch.no_grad()
def gate_inputs(method: Method, aligner: Aligner, images: ImagePool) -> GateInputs:
    """Logits of all images with and without alignment; labels are not looked at."""
    parts = []
    for batch in images.batches(_BATCH, method.device):
        latents = method.latents(batch)
        aligned = aligner.align(latents.flatten(0, 1)).view_as(latents)
        energy, mean = _means(aligner, latents)
        rules = (aligner.energy_rule.says_old(energy), aligner.learned_rule.says_old(mean))
        parts.append((method.latent_logits(latents), method.latent_logits(aligned), *rules))
    return GateInputs(*(torch.cat(column).cpu() for column in zip(*parts, strict=True)))


def _means(aligner: Aligner, latents: Float[Tensor, "B P D"]) -> tuple[Float[Tensor, " B"], Float[Tensor, "B D"]]:
    energies = aligner.negative_energy(latents.flatten(0, 1)).view(latents.shape[:2])
    return energies.mean(dim=1), latents.mean(dim=1)


def read_task_identity(split: Path, old_classes: tuple[str, ...], ids: tuple[str, ...]) -> Bool[Tensor, " n"]:
    """Whether each test image shows an old class: what the oracle gates are told, and nobody else."""
    table = load_split(split)
    old = {name: table.class_names[i] in set(old_classes) for i, name in enumerate(table.ids)}
    return torch.tensor([old[name] for name in ids])
